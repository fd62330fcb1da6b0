"""A GAN that draws digits: a population of twelve whose learning rates change on the way (PBT),
some five minutes."""

from tune_jobs import Float, TuneJob, main

job = TuneJob(
    name="dcgan",
    model="dcgan",
    space={
        "generator_rate": Float(1e-4, 1e-2, log=True),
        "discriminator_rate": Float(1e-4, 1e-2, log=True),
        "beta1": Float(0.0, 0.9),
    },
    metric="val_distance",
    mode="min",
    searcher="random",
    scheduler="pbt",
    scheduler_options={"perturbation_interval": 3},
    num_samples=12,
    max_epochs=15,
)

if __name__ == "__main__":
    main(job)
