"""Each trial is a training by two processes, with DistributedDataParallel.

    tune-jobs run examples/two_processes/job.py

The model stands in a file of its own, because its child processes have to import it.
"""

from spirals_ddp import SpiralsDDP

from tune_jobs import Float, Int, TuneJob, main

job = TuneJob(
    name="two_processes",
    model=SpiralsDDP,
    space={
        "learning_rate": Float(1e-3, 1, log=True),
        "hidden": Int(16, 128, log=True),
        "dropout": Float(0, 0.6),
    },
    metric="val_loss",
    mode="min",
    scheduler="asha",
    scheduler_options={"grace_period": 1, "reduction_factor": 2},
    num_samples=12,
    max_epochs=8,
    cpus_per_trial=2,  # one for each process
)

if __name__ == "__main__":
    main(job)
