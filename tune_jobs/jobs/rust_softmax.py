"""A program in Rust as a model: GP and ASHA. First `make -C examples/rust_trainer`."""

from tune_jobs import Float, Int, TuneJob, main

TRAINER = "examples/rust_trainer/trainer"

job = TuneJob(
    name="rust_softmax",
    model="command",
    space={
        "command": (
            f"{TRAINER} --rate {{rate}} --momentum {{momentum}} --l2 {{l2}} --batch {{batch}} "
            "--epochs {max_epochs} --seed {seed}"
        ),
        "test_command": f"{TRAINER} --test",
        "rate": Float(1e-3, 1.0, log=True),
        "momentum": Float(0.0, 0.99),
        "l2": Float(1e-6, 1e-1, log=True),
        "batch": Int(8, 256, log=True),
    },
    metric="val_loss",
    mode="min",
    searcher="bayesopt",
    scheduler="asha",
    scheduler_options={"grace_period": 3, "reduction_factor": 3},
    num_samples=24,
    max_epochs=27,
)

if __name__ == "__main__":
    main(job)
