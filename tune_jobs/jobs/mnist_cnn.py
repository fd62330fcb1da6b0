"""The textbook CNN on MNIST: above 99 % on two cores, within a quarter of an hour."""

from tune_jobs import Float, Int, TuneJob, main

job = TuneJob(
    name="mnist_cnn",
    model="mnist_cnn",
    space={
        "optimizer": "adamw",
        "schedule": "one_cycle",
        "learning_rate": Float(5e-4, 1e-2, log=True),
        "weight_decay": Float(1e-4, 1e-1, log=True),
        "batch_size": Int(64, 256, log=True),
        "dropout": Float(0.2, 0.7),
        "hidden": 256,
        "shift": 1.0,
        "rotation": 5.0,
        "zoom": 0.05,
    },
    metric="val_accuracy",
    mode="max",
    searcher="bayesopt",
    scheduler="asha",
    scheduler_options={"grace_period": 1, "reduction_factor": 3},
    num_samples=8,
    max_epochs=9,
    time_budget=720,
)

if __name__ == "__main__":
    main(job)
