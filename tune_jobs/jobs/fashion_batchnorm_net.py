"""Two hidden layers with batch normalisation on Fashion-MNIST; tunes the norm's momentum too."""

from tune_jobs import Choice, Float, Int, TuneJob, main

job = TuneJob(
    name="fashion_batchnorm_net",
    model="batchnorm_net",
    space={
        "dataset": "fashion_mnist",
        "optimizer": "adamw",
        "schedule": "cosine",
        "learning_rate": Float(3e-4, 3e-2, log=True),
        "weight_decay": Float(1e-4, 1e-1, log=True),
        "batch_size": Int(32, 512, log=True),
        "hidden": Choice([64, 128, 256]),
        "norm_momentum": Float(0.01, 0.5, log=True),
    },
    metric="val_accuracy",
    mode="max",
    searcher="hyperopt",
    scheduler="asha",
    num_samples=24,
    max_epochs=9,
)

if __name__ == "__main__":
    main(job)
