"""ResNet-18 on CIFAR-10, one GPU a trial: learning rate, batch size and what images go through."""

from tune_jobs import Choice, Float, Int, TuneJob, main

job = TuneJob(
    name="resnet",
    model="resnet",
    space={
        "schedule": "one_cycle",
        "nesterov": True,
        "learning_rate": Float(1e-2, 1.0, log=True),
        "weight_decay": Float(1e-5, 1e-2, log=True),
        "batch_size": Choice([128, 256, 512]),
        "label_smoothing": Float(0.0, 0.2),
        "crop_padding": Int(0, 4),
        "cutout": Int(0, 16),
        "mixup": Choice([0.0, 0.2, 1.0]),
    },
    metric="val_accuracy",
    mode="max",
    searcher="hyperopt",
    scheduler="asha",
    scheduler_options={"grace_period": 5, "reduction_factor": 3},
    num_samples=48,
    max_epochs=45,
)

if __name__ == "__main__":
    main(job)
