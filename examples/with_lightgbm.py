"""LightGBM with Ray's own callback; an epoch is a boosting round.

tune-jobs run examples/with_lightgbm.py
"""

import lightgbm
from ray import tune
from ray.tune.integration.lightgbm import TuneReportCheckpointCallback
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from tune_jobs import Float, Int, TuneJob, main


def train(config):
    x, x_valid, y, y_valid = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)
    data = lightgbm.Dataset(x, y, free_raw_data=False)
    booster, rounds = None, config.max_epochs
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            booster = lightgbm.Booster(model_file=f"{folder}/model.txt")
        rounds -= booster.current_iteration()
    lightgbm.train(
        {**config, "objective": "binary", "num_threads": 1, "verbosity": -1},
        data,
        num_boost_round=rounds,
        valid_sets=[lightgbm.Dataset(x_valid, y_valid, reference=data)],
        valid_names=["valid"],
        init_model=booster,
        callbacks=[TuneReportCheckpointCallback({"loss": "valid-binary_logloss"}, frequency=1)],
    )


job = TuneJob(
    name="with_lightgbm",
    model=train,
    space={"learning_rate": Float(0.01, 1, log=True), "num_leaves": Int(2, 32)},
    metric="loss",
    mode="min",
    num_samples=20,
    max_epochs=27,
)

if __name__ == "__main__":
    main(job)
