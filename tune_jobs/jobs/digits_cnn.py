"""A small CNN on scikit-learn's 1,797 handwritten digits: TPE and ASHA, half a minute."""

from tune_jobs import Choice, Float, Int, TuneJob, main

job = TuneJob(
    name="digits_cnn",
    model="digits_cnn",
    space={
        "optimizer": Choice(["adamw", "sgd"]),
        "learning_rate": Float(1e-5, 1.0, log=True),
        "momentum": Float(0.5, 0.99, when={"optimizer": "sgd"}),
        "weight_decay": Float(1e-5, 1e-1, log=True),
        "batch_size": Int(16, 128, log=True),
        "width": Choice([16, 24, 32]),
        "dropout": Float(0.0, 0.6),
    },
    metric="val_loss",
    mode="min",
    searcher="hyperopt",
    scheduler="asha",
    scheduler_options={"grace_period": 3, "reduction_factor": 3},
    num_samples=36,
    max_epochs=27,
)

if __name__ == "__main__":
    main(job)
