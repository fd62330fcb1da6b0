"""A small GPT on the source of Python's standard library: TPE and ASHA, some ten minutes.

The default config is the usual start: a constant learning rate of 0.001, dropout of 0.1."""

from tune_jobs import Choice, Float, TuneJob, main

job = TuneJob(
    name="char_gpt",
    model="char_gpt",
    space={
        "learning_rate": Float(2e-3, 2e-2, log=True),
        "schedule": Choice(["cosine", "one_cycle"]),
        "warmup": Float(0.0, 0.3),
        "gradient_clip": 1.0,
        "dropout": Float(0.0, 0.1),
        "head_width": Choice([16, 24]),
    },
    metric="val_loss",
    mode="min",
    searcher="hyperopt",
    searcher_options={"n_startup_jobs": 10},
    scheduler="asha",
    scheduler_options={"grace_period": 3, "reduction_factor": 3},
    num_samples=24,
    max_epochs=9,
)

if __name__ == "__main__":
    main(job)
