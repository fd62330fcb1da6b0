"""XGBoost with Ray's own callback; an epoch is a boosting round.

tune-jobs run examples/with_xgboost.py
"""

import xgboost
from ray import tune
from ray.tune.integration.xgboost import TuneReportCheckpointCallback
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from tune_jobs import Float, Int, TuneJob, main


def train(config):
    x, x_valid, y, y_valid = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)
    valid = xgboost.DMatrix(x_valid, y_valid)
    booster, rounds = None, config.max_epochs
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            booster = xgboost.Booster(model_file=f"{folder}/model.ubj")
        rounds -= booster.num_boosted_rounds()
    xgboost.train(
        {**config, "objective": "binary:logistic", "nthread": 1},
        xgboost.DMatrix(x, y),
        num_boost_round=rounds,
        evals=[(valid, "valid")],
        xgb_model=booster,
        verbose_eval=False,
        callbacks=[TuneReportCheckpointCallback({"loss": "valid-logloss"}, frequency=1)],
    )


job = TuneJob(
    name="with_xgboost",
    model=train,
    space={"eta": Float(0.01, 1, log=True), "max_depth": Int(1, 8), "lambda": Float(0, 5)},
    metric="loss",
    mode="min",
    num_samples=20,
    max_epochs=27,
)

if __name__ == "__main__":
    main(job)
