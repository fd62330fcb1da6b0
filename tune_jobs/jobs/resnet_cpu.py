"""A ResNet-18 of an eighth of the width on CIFAR-10: what two cores learn in eight minutes."""

from tune_jobs import Float, Int, TuneJob, main

job = TuneJob(
    name="resnet_cpu",
    model="resnet",
    space={
        "width": 8,
        "schedule": "one_cycle",
        "learning_rate": Float(1e-2, 3e-1, log=True),
        "weight_decay": Float(1e-5, 5e-3, log=True),
        "batch_size": Int(32, 128, log=True),
        "crop_padding": Int(0, 4),
    },
    metric="val_accuracy",
    mode="max",
    searcher="bayesopt",
    scheduler="asha",
    scheduler_options={"grace_period": 1, "reduction_factor": 3},
    num_samples=10,
    max_epochs=6,
    time_budget=480,
)

if __name__ == "__main__":
    main(job)
