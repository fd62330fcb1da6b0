"""A random forest on California's house prices; an epoch is ten more trees."""

from tune_jobs import Float, Int, TuneJob, main

job = TuneJob(
    name="california_forest",
    model="forest",
    space={
        "dataset": "california",
        "trees": 10,
        "max_depth": Int(5, 50),
        "min_samples_leaf": Int(1, 20, log=True),
        "max_features": Float(0.1, 1.0),
    },
    metric="val_loss",
    mode="min",
    scheduler_options={"grace_period": 2, "reduction_factor": 3},
    num_samples=24,
    max_epochs=10,
)

if __name__ == "__main__":
    main(job)
