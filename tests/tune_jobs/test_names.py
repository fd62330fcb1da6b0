"""Which class a name in a job means, beside modules of the user's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tune_jobs.errors import UserError
from tune_jobs.models import MODELS
from tune_jobs.models.base import Model
from tune_jobs.names import find_class, name_of
from tune_jobs.search_algos.base import Scheduler, Searcher
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS

OWN = "from tune_jobs import Model\nclass {name}(Model): ...\n"
KINDS = [(Model, MODELS), (Searcher, SEARCHERS), (Scheduler, SCHEDULERS)]
REGISTERED = [(base, place) for base, registry in KINDS for place in registry.values()]

Project = Callable[[dict[str, str]], Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Writes files by their paths into a folder that modules are imported from first."""

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        return tmp_path

    def forget() -> None:
        for name in [n for n in sys.modules if n.split(".")[0] in ("models", "search_algos")]:
            del sys.modules[name]

    forget()
    yield write
    forget()


@pytest.mark.parametrize(("base", "place"), REGISTERED)
def test_the_old_name_of_each_class_still_finds_it(base: type, place: str) -> None:
    old = place.removeprefix("tune_jobs.")
    assert name_of(find_class(old, base, {})) == place


@pytest.mark.parametrize("init", [True, False])
def test_the_users_own_module_goes_first(project: Project, init: bool) -> None:
    files = {"models/net.py": OWN.format(name="Net")}
    files["models/digits_cnn.py"] = OWN.format(name="DigitsCNN")
    files["models/sub/deep.py"] = OWN.format(name="Deep")
    folder = project(files | ({"models/__init__.py": ""} if init else {}))
    for name in ("models.net:Net", "models.digits_cnn:DigitsCNN", "models.sub.deep:Deep"):
        found = find_class(name, Model, MODELS)
        assert Path(sys.modules[found.__module__].__file__ or "").is_relative_to(folder)
    ours = find_class("models.tree:Tree", Model, MODELS)
    assert name_of(ours) == "tune_jobs.models.tree:Tree", "the user has none"


@pytest.mark.parametrize("file", ["models.py", "models/__init__.py"])
def test_a_module_of_the_same_name_does_not_hide_ours(project: Project, file: str) -> None:
    project({file: OWN.format(name="Net")})
    assert find_class("models:Net", Model, MODELS).__module__ == "models"
    assert name_of(find_class("models.tree:Tree", Model, MODELS)) == "tune_jobs.models.tree:Tree"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("models.tree:Tree", "No module named 'missing'"),  # the user's own, which imports it
        ("models.nets:Net", "No module named 'models.nets'"),
        ("models.net:Nett", "has no attribute 'Nett'"),
        ("search_algos.nothing:Net", "No module named 'search_algos.nothing'"),
    ],
)
def test_what_nobody_has_is_said_by_the_name_that_was_given(
    project: Project, name: str, said: str
) -> None:
    project(
        {
            "models/tree.py": "import missing",
            "models/net.py": OWN.format(name="Net"),
            "search_algos/own.py": "",
        }
    )
    with pytest.raises(UserError) as error:
        find_class(name, Model, MODELS)
    assert name in str(error.value)
    assert said in str(error.value)
    assert "tune_jobs" not in str(error.value)
