"""LeNet-5 on Fashion-MNIST: optimizer, schedule and augmentation."""

from tune_jobs import Choice, Float, Int, TuneJob, main

job = TuneJob(
    name="fashion_lenet5",
    model="lenet5",
    space={
        "dataset": "fashion_mnist",
        "optimizer": Choice(["adamw", "sgd"]),
        "learning_rate": Float(3e-4, 1e-1, log=True),
        "weight_decay": Float(1e-5, 1e-2, log=True),
        "schedule": Choice(["constant", "cosine", "one_cycle"]),
        "batch_size": Int(32, 256, log=True),
        "dropout": Float(0.0, 0.5),
        "flip": Choice([0.0, 0.5]),
        "shift": Float(0.0, 2.0),
    },
    metric="val_accuracy",
    mode="max",
    searcher="bayesopt",
    scheduler="asha",
    scheduler_options={"grace_period": 1, "reduction_factor": 3},
    num_samples=20,
    max_epochs=9,
)

if __name__ == "__main__":
    main(job)
