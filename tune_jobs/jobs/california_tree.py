"""One decision tree on California's house prices; an epoch is a level, so the best is its depth."""

from tune_jobs import Float, Int, TuneJob, main

job = TuneJob(
    name="california_tree",
    model="tree",
    space={
        "dataset": "california",
        "levels": 1,
        "min_samples_leaf": Int(1, 200, log=True),
        "max_features": Float(0.2, 1.0),
    },
    metric="val_loss",
    mode="min",
    scheduler_options={"grace_period": 6, "reduction_factor": 3},
    num_samples=36,
    max_epochs=20,
)

if __name__ == "__main__":
    main(job)
