"""Linear regression of California's house prices: which penalty, and how to descend."""

from tune_jobs import Choice, Float, TuneJob, main

job = TuneJob(
    name="california_linear",
    model="linear",
    space={
        "dataset": "california",
        "learning_rate": Float(1e-5, 1e-2, log=True),
        "decay": Float(0.0, 1.0),
        "penalty": Choice(["l2", "l1", "elasticnet"]),
        "alpha": Float(1e-7, 1e-1, log=True),
        "l1_ratio": Float(0.0, 1.0, when={"penalty": "elasticnet"}),
    },
    metric="val_loss",
    mode="min",
    searcher="hyperopt",
    searcher_options={"n_startup_jobs": 10},
    scheduler="asha",
    scheduler_options={"grace_period": 3, "reduction_factor": 3},
    num_samples=36,
    max_epochs=27,
)

if __name__ == "__main__":
    main(job)
