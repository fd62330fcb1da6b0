"""The examples with other frameworks, and a search of scikit-learn: each driver is killed in the
middle of its run, and the run goes on.

Slow: the frameworks take long to import.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from drivers import PATIENT, Start, kill_after, table

from tune_jobs.runs.folder import RunFolder

EXAMPLES = Path(__file__).parents[2] / "examples"
STATELESS = ("with_mlflow.py", "which_classifier.py", "solver/job.py")
"""The examples whose trials begin anew and pass over what they have reported."""


@pytest.mark.parametrize(
    ("example", "needs", "epochs", "settings"),
    [
        ("with_xgboost.py", "xgboost", 4, ()),
        ("with_lightgbm.py", "lightgbm", 4, ()),
        ("with_lightning.py", "lightning", 4, ()),
        ("with_transformers.py", "transformers", 4, ()),
        ("with_keras.py", "keras", 4, ()),
        ("with_stable_baselines.py", "stable_baselines3", 4 * 512, ("scheduler.grace_period=512",)),
        ("with_mlflow.py", "mlflow", 4, ("tracking_uri=sqlite:///{folder}/mlflow.db",)),
        ("pbt_convnet.py", "torch", 6, ()),
        ("image_classifier.py", "torch", 4, ()),
        ("number_of_layers.py", "torch", 4, ()),
        ("which_classifier.py", "sklearn", 1, ()),
        ("solver/job.py", "sklearn", 1, ()),
    ],
)
def test_an_example_that_was_killed_ends_in_the_same_table(
    example: str,
    needs: str,
    epochs: int,
    settings: tuple[str, ...],
    start: Start,
    tune_jobs: Any,
    tmp_path: Path,
) -> None:
    if not find_spec(needs):  # to import it takes long, and Keras asks for TensorFlow then
        pytest.skip(f"{needs} is not installed: pip install -e '.[frameworks]'")
    file = EXAMPLES / example
    size: list[Any] = ["--samples", 5, "--max-epochs", epochs, "--max-concurrent", 1]
    for setting in settings:
        size += ["--set", setting.format(folder=tmp_path)]
    whole, killed = (RunFolder(tmp_path / "storage" / name) for name in ("whole", "killed"))
    code, said, errors = tune_jobs("run", file, "--name", "whole", *size)
    assert code == 0, said + errors
    kill_after(3, killed, start("run", file, "--name", "killed", *size))
    code, said, errors = tune_jobs("resume", "killed")
    assert code == 0, said + errors
    assert len(table(whole)) == 5
    assert table(killed) == table(whole)
    assert {row["status"] for row in table(whole)} <= {"completed", "stopped"}
    kept = [json.loads(path.read_text()) for path in killed.path.rglob("function.json")]
    if example not in STATELESS:  # a state of each epoch, so a trial trains none of them again
        assert kept
        assert all(rest["state_epoch"] == rest["epoch"] for rest in kept)


SCRIPT = """
import sys, time
from sklearn.datasets import load_breast_cancer
from sklearn.tree import DecisionTreeClassifier
from tune_jobs import Int, TuneSearchCV

class Tree(DecisionTreeClassifier):
    def fit(self, X, y):
        time.sleep(0.05)
        return super().fit(X, y)

if __name__ == "__main__":
    name, *resume = sys.argv[1:]
    space = {"max_depth": Int(1, 12), "min_samples_leaf": Int(1, 20)}
    options = {"name": name, "max_concurrent": 1}
    found = TuneSearchCV(Tree(random_state=0), space, options=options, resume=(resume or [None])[0])
    found.fit(*load_breast_cancer(return_X_y=True))
    print(sorted(found.best_params_.items()), found.best_score_, found.best_estimator_.get_depth())
"""


def test_a_search_that_was_killed_goes_on(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    storage = tmp_path / "storage"
    said, errors = start(script, "whole", python=()).communicate(timeout=PATIENT)
    assert "max_depth" in said, errors
    whole, killed = RunFolder(storage / "whole"), RunFolder(storage / "killed")
    driver = start(script, "killed", python=())
    kill_after(7, killed, driver)
    again, errors = start(script, "killed", "killed", python=()).communicate(timeout=PATIENT)
    assert again.splitlines()[-1:] == said.splitlines()[-1:], errors
    assert table(killed) == table(whole)
