"""ResNet-18 with ImageNet's weights, fine-tuned on CIFAR-10: how much of it, and how fast.

`--set dataset=...` takes the path of a folder of images, with a folder for each class.
"""

from tune_jobs import Choice, Float, TuneJob, main

job = TuneJob(
    name="finetune",
    model="finetune",
    space={
        "architecture": "resnet18",
        "weights": "DEFAULT",
        "dataset": "cifar10",
        "schedule": "one_cycle",
        "learning_rate": Float(1e-4, 1e-1, log=True),
        "head_factor": Float(1.0, 100.0, log=True),
        "frozen": Float(0.0, 1.0),
        "weight_decay": Float(1e-5, 1e-2, log=True),
        "batch_size": Choice([32, 64, 128]),
        "flip": 0.5,
    },
    metric="val_accuracy",
    mode="max",
    searcher="hyperopt",
    scheduler="asha",
    scheduler_options={"grace_period": 1, "reduction_factor": 3},
    num_samples=24,
    max_epochs=9,
)

if __name__ == "__main__":
    main(job)
