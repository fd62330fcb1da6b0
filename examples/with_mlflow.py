"""A training function that writes to MLflow itself, as one does with Ray Tune.

tune-jobs run examples/with_mlflow.py
"""

import mlflow
from ray import tune
from ray.air.integrations.mlflow import setup_mlflow

from tune_jobs import Int, TuneJob, main


def score(step, width, height):
    return 1 / (0.1 + width * step / 100) + height / 10


def train(config):
    tracking_uri = config.pop("tracking_uri")
    setup_mlflow(
        config,
        tracking_uri=tracking_uri,
        experiment_name="with_mlflow",
        create_experiment_if_not_exists=True,
    )
    for step in range(config["steps"]):
        loss = score(step, config["width"], config["height"])
        mlflow.log_metrics({"mean_loss": loss}, step=step)
        tune.report({"iterations": step, "mean_loss": loss})


job = TuneJob(
    name="with_mlflow",
    model=train,
    space={
        "width": Int(10, 100),
        "height": Int(0, 100),
        "steps": 9,
        "tracking_uri": "sqlite:///mlflow.db",
    },
    metric="mean_loss",
    mode="min",
    num_samples=5,
    max_epochs=9,
)

if __name__ == "__main__":
    main(job)
