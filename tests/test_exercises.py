"""Every command of the exercises names a job, options and values that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tune_jobs.cli import commands as cli
from tune_jobs.job.files import load_job
from tune_jobs.job.overrides import override

TEXT = (Path(__file__).parent.parent / "docs" / "exercises.md").read_text()
COMMANDS = re.findall(r"^tune-jobs .*$", TEXT, re.MULTILINE)


def test_there_are_exercises_and_every_command_has_its_output() -> None:
    assert len(COMMANDS) > 15
    shown = re.findall(r"^```bash\n(.*?)^```\n\n```\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert len(shown) == len(COMMANDS)
    for command, output in shown:
        if command.startswith("tune-jobs run"):
            assert re.search(
                r"^best +\w+ [\d.]+(?: ± [\d.]+)? \(trial \d+, epoch \d+\)$", output, re.MULTILINE
            )
            assert re.search(r"^test +\w+ [\d.]+", output, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_that_would_run(command: str) -> None:
    _, name, *arguments = shlex.split(command)
    given = cli.cli.commands[name].make_context(name, arguments).params
    job, _ = load_job(given.pop("job"))
    settings, several = given.pop("settings"), name == "simulate"
    for field in ("name", "storage", "workers", "curves"):
        given.pop(field, None)
    methods = {kind: (given.pop(kind) or "").split(",") for kind in ("searcher", "scheduler")}
    for searcher in methods["searcher"]:
        for scheduler in methods["scheduler"]:
            chosen = {"searcher": searcher or None, "scheduler": scheduler or None}
            declared = override(job, {**given, **chosen}, settings)
            (declared.search if several else declared).validate()
