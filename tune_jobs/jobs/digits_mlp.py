"""A fully connected network on the digits: its architecture and its training, tuned together."""

from tune_jobs import Choice, Float, Int, TuneJob, main

job = TuneJob(
    name="digits_mlp",
    model="mlp",
    space={
        "dataset": "digits",
        "depth": Int(1, 4),
        "width": Choice([32, 64, 128, 256]),
        "activation": Choice(["relu", "gelu", "silu", "tanh"]),
        "norm": Choice(["none", "batch", "layer"]),
        "dropout": Float(0.0, 0.5),
        "optimizer": Choice(["adamw", "sgd"]),
        "momentum": Float(0.5, 0.99, when={"optimizer": "sgd"}),
        "learning_rate": Float(3e-4, 1e-1, log=True),
        "weight_decay": Float(1e-5, 1e-1, log=True),
        "schedule": Choice(["constant", "cosine", "one_cycle"]),
        "batch_size": Int(16, 128, log=True),
    },
    metric="val_loss",
    mode="min",
    searcher="hyperopt",
    scheduler="asha",
    scheduler_options={"grace_period": 3, "reduction_factor": 3},
    num_samples=64,
    max_epochs=27,
)

if __name__ == "__main__":
    main(job)
