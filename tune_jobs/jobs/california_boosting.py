"""Gradient boosting on California's house prices; an epoch is twenty more trees."""

from tune_jobs import Float, Int, TuneJob, main

job = TuneJob(
    name="california_boosting",
    model="boosting",
    space={
        "dataset": "california",
        "trees": 20,
        "learning_rate": Float(0.02, 0.5, log=True),
        "max_leaf_nodes": Int(7, 127, log=True),
        "min_samples_leaf": Int(5, 100, log=True),
        "max_features": Float(0.2, 1.0),
        "l2": Float(1e-3, 10.0, log=True),
    },
    metric="val_loss",
    mode="min",
    scheduler_options={"grace_period": 3, "reduction_factor": 3},
    num_samples=24,
    max_epochs=27,
)

if __name__ == "__main__":
    main(job)
