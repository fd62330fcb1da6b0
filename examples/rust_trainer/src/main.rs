//! Softmax regression on the digits: minibatch gradient descent with momentum and L2.
//!
//! - a line of JSON per epoch on standard output, with the name of its checkpoint
//! - a checkpoint is all that the next epoch depends on, bit for bit: parameters, their velocity,
//!   and the state of the random generator
//! - no crates: `rustc -O` is all it needs

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{env, fs, process};

const PIXELS: usize = 64;
const CLASSES: usize = 10;
const ROW: usize = PIXELS + 1; // of one class: a weight for every pixel, and the bias
const PARAMETERS: usize = CLASSES * ROW;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    if let Err(error) = run() {
        eprintln!("trainer: {error}");
        process::exit(1);
    }
}

fn run() -> Result<()> {
    let settings = Settings::read()?;
    let mut model = match env::var_os("TUNE_JOBS_RESTORE") {
        Some(path) => Model::restored(Path::new(&path))?,
        None => Model::new(settings.seed),
    };
    if settings.test {
        let (loss, accuracy) = model.measure(&examples(&settings.data, "test")?);
        println!(
            r#"{{"test_loss": {}, "test_accuracy": {accuracy}}}"#,
            json(loss)
        );
        return Ok(());
    }
    let train = examples(&settings.data, "train")?;
    let validation = examples(&settings.data, "validation")?;
    let checkpoints = env::var_os("TUNE_JOBS_CHECKPOINTS").map(PathBuf::from);
    while model.epoch < settings.epochs {
        let train_loss = json(model.train_epoch(&train, &settings));
        let (loss, accuracy) = model.measure(&validation);
        let mut line = format!(
            r#""train_loss": {train_loss}, "val_loss": {}, "val_accuracy": {accuracy}"#,
            json(loss)
        );
        if let Some(folder) = &checkpoints {
            let name = format!("epoch-{}", model.epoch);
            model.save(&folder.join(&name))?;
            line += &format!(r#", "checkpoint": "{name}""#);
        }
        println!("{{{line}}}"); // Rust writes out every line at once, also into a pipe
    }
    Ok(())
}

struct Settings {
    rate: f64,
    momentum: f64,
    l2: f64,
    batch: usize,
    epochs: u64,
    seed: u64,
    data: PathBuf,
    test: bool,
}

impl Settings {
    /// Of the flags `--name value`, and `--test`.
    fn read() -> Result<Self> {
        let mut flags = HashMap::new();
        let mut arguments = env::args().skip(1);
        while let Some(flag) = arguments.next() {
            let value = if flag == "--test" {
                None
            } else {
                arguments.next()
            };
            flags.insert(flag, value.unwrap_or_default());
        }
        let beside_the_program = env::current_exe()?.with_file_name("digits.csv");
        let settings = Settings {
            rate: take(&mut flags, "--rate", 0.01)?,
            momentum: take(&mut flags, "--momentum", 0.9)?,
            l2: take(&mut flags, "--l2", 0.0)?,
            batch: take(&mut flags, "--batch", 32)?,
            epochs: take(&mut flags, "--epochs", 10)?,
            seed: take(&mut flags, "--seed", 0)?,
            data: take(&mut flags, "--data", beside_the_program)?,
            test: flags.remove("--test").is_some(),
        };
        match flags.keys().next() {
            Some(unknown) => Err(format!("unknown flag {unknown}").into()),
            None if settings.batch == 0 => Err("--batch is 0; it has to be at least 1".into()),
            None => Ok(settings),
        }
    }
}

fn take<T: FromStr>(flags: &mut HashMap<String, String>, flag: &str, default: T) -> Result<T> {
    match flags.remove(flag) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|_| format!("{flag} cannot be {text:?}").into()),
    }
}

struct Example {
    pixels: [f64; PIXELS],
    class: usize,
}

/// One split of the file, whose lines are `split,class,` and the pixels from 0 to 16.
fn examples(data: &Path, split: &str) -> Result<Vec<Example>> {
    let text = fs::read_to_string(data).map_err(|error| {
        format!(
            "{} cannot be read ({error}); `make` writes it",
            data.display()
        )
    })?;
    let of_split = text
        .lines()
        .filter_map(|line| line.strip_prefix(split)?.strip_prefix(','));
    let examples: Result<Vec<_>> = of_split.map(example).collect();
    match examples {
        Ok(found) if found.is_empty() => Err(format!("{} has no {split}", data.display()).into()),
        other => other,
    }
}

fn example(line: &str) -> Result<Example> {
    let broken = || format!("a line of the data is broken: {line}");
    let numbers: Vec<usize> = line
        .split(',')
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| broken())?;
    let (&class, pixels) = numbers.split_first().ok_or_else(broken)?;
    let pixels: &[usize; PIXELS] = pixels.try_into().map_err(|_| broken())?;
    if class >= CLASSES {
        return Err(broken().into());
    }
    Ok(Example {
        pixels: pixels.map(|pixel| pixel as f64 / 16.0),
        class,
    })
}

struct Model {
    epoch: u64,
    random: Random,
    weights: Vec<f64>,
    velocity: Vec<f64>,
}

impl Model {
    fn new(seed: u64) -> Self {
        let zeros = vec![0.0; PARAMETERS];
        Model {
            epoch: 0,
            random: Random(seed),
            weights: zeros.clone(),
            velocity: zeros,
        }
    }

    /// The mean loss over the batches, each before its step.
    fn train_epoch(&mut self, examples: &[Example], settings: &Settings) -> f64 {
        let mut order: Vec<&Example> = examples.iter().collect();
        self.random.shuffle(&mut order);
        let mut total = 0.0;
        for batch in order.chunks(settings.batch) {
            let mut gradient = vec![0.0; PARAMETERS];
            for example in batch {
                let mut probabilities = self.probabilities(&example.pixels);
                total -= probabilities[example.class].ln();
                probabilities[example.class] -= 1.0; // now the gradient of the loss by the logits
                for (row, slope) in gradient.chunks_mut(ROW).zip(probabilities) {
                    for (sum, pixel) in row.iter_mut().zip(example.pixels) {
                        *sum += slope * pixel;
                    }
                    row[PIXELS] += slope;
                }
            }
            let parameters = self.weights.iter_mut().zip(&mut self.velocity);
            for ((weight, velocity), sum) in parameters.zip(gradient) {
                let slope = sum / batch.len() as f64 + settings.l2 * *weight;
                *velocity = settings.momentum * *velocity - settings.rate * slope;
                *weight += *velocity;
            }
        }
        self.epoch += 1;
        total / examples.len() as f64
    }

    /// The mean loss, and the share of examples for which no class is more probable than theirs.
    fn measure(&self, examples: &[Example]) -> (f64, f64) {
        let (mut loss, mut right) = (0.0, 0);
        for example in examples {
            let probabilities = self.probabilities(&example.pixels);
            let of_the_right_one = probabilities[example.class];
            loss -= of_the_right_one.ln();
            right += usize::from(probabilities.iter().all(|&other| other <= of_the_right_one));
        }
        (
            loss / examples.len() as f64,
            right as f64 / examples.len() as f64,
        )
    }

    fn probabilities(&self, pixels: &[f64; PIXELS]) -> [f64; CLASSES] {
        let mut logits = [0.0; CLASSES];
        for (logit, row) in logits.iter_mut().zip(self.weights.chunks(ROW)) {
            let products = row.iter().zip(pixels).map(|(weight, pixel)| weight * pixel);
            *logit = row[PIXELS] + products.sum::<f64>();
        }
        let largest = logits.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
        let powers = logits.map(|logit| (logit - largest).exp());
        let sum: f64 = powers.iter().sum();
        powers.map(|power| power / sum)
    }

    /// The file is there when it is complete: it is written under another name.
    fn save(&self, path: &Path) -> Result<()> {
        let parameters = self
            .weights
            .iter()
            .chain(&self.velocity)
            .map(|number| number.to_bits());
        let numbers = [self.epoch, self.random.0].into_iter().chain(parameters);
        let bytes: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
        let unfinished = path.with_extension("unfinished");
        fs::write(&unfinished, bytes)?;
        Ok(fs::rename(unfinished, path)?)
    }

    fn restored(path: &Path) -> Result<Self> {
        let bytes = fs::read(path)?;
        if bytes.len() != 8 * (2 + 2 * PARAMETERS) {
            return Err(format!("{} is no checkpoint of this program", path.display()).into());
        }
        let eights = bytes.chunks_exact(8).map(|eight| eight.try_into().unwrap());
        let numbers: Vec<u64> = eights.map(u64::from_le_bytes).collect();
        let parameters: Vec<f64> = numbers[2..]
            .iter()
            .map(|&bits| f64::from_bits(bits))
            .collect();
        let (weights, velocity) = parameters.split_at(PARAMETERS);
        Ok(Model {
            epoch: numbers[0],
            random: Random(numbers[1]),
            weights: weights.to_vec(),
            velocity: velocity.to_vec(),
        })
    }
}

/// SplitMix64: its whole state is one number.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }
}

/// Rust writes `inf`, which is no JSON; with `NaN` the trial is stopped, and has not failed.
fn json(number: f64) -> String {
    if number.is_infinite() {
        "Infinity".into()
    } else {
        number.to_string()
    }
}
