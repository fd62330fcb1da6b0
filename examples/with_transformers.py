"""A Hugging Face Trainer: its own checkpoints are the states of the trial.

The model is tiny and starts from random weights: it learns whether a sequence rises or falls.

    tune-jobs run examples/with_transformers.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from tune_jobs import Choice, Float, TuneJob, main, report, restored


class Report(TrainerCallback):
    """Reports the evaluation of an epoch when its checkpoint is written."""

    def on_save(self, args, state, control, **kwargs):
        measured = next(entry for entry in reversed(state.log_history) if "eval_loss" in entry)
        metrics = {"loss": measured["eval_loss"]}
        report(metrics, state=Path(args.output_dir) / f"checkpoint-{state.global_step}")


def sequences(number, seed):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(2, 30, (number, 8), generator=generator).sort().values
    labels = torch.randint(2, (number,), generator=generator)
    tokens = torch.where(labels[:, None] == 1, tokens, tokens.flip(1))
    return [{"input_ids": t, "labels": y} for t, y in zip(tokens, labels, strict=True)]


def train(config):
    shape = {"hidden_size": config.width, "intermediate_size": 2 * config.width}
    bert = BertConfig(vocab_size=30, num_hidden_layers=1, num_attention_heads=2, **shape)
    with TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            learning_rate=config.lr,
            num_train_epochs=config.max_epochs,
            per_device_train_batch_size=32,
            eval_strategy="epoch",
            save_strategy="epoch",
            save_total_limit=1,
            seed=config.seed,
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        )
        trainer = Trainer(
            BertForSequenceClassification(bert),
            arguments,
            train_dataset=sequences(256, seed=0),
            eval_dataset=sequences(128, seed=1),
            callbacks=[Report()],
        )
        state = restored()
        trainer.train(resume_from_checkpoint=str(state) if state else None)


job = TuneJob(
    name="with_transformers",
    model=train,
    space={"lr": Float(1e-4, 1e-1, log=True), "width": Choice([8, 16, 32])},
    metric="loss",
    mode="min",
    num_samples=20,
    max_epochs=9,
)

if __name__ == "__main__":
    main(job)
