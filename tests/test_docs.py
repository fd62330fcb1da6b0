"""The README and the pages of docs/: their code runs, their commands and links exist, and what
they quote is what there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pages import PAGES, ROOT, block, blocks

from tune_jobs.cli.commands import cli
from tune_jobs.cli.methods import methods_markdown
from tune_jobs.job.files import load_job, ready_jobs
from tune_jobs.job.overrides import override
from tune_jobs.job.tune_job import TuneJob

MADE_UP_FILES = {"my_job.py", "my_job.yaml"}  # that commands name as somebody's own
NOT_OF_A_JOB = ("name", "storage", "workers", "curves", "address")
JOBS = "tune_jobs/jobs/"
METHOD = ("searcher", "scheduler")


def commands() -> Iterator[tuple[str, str]]:
    """Every command line of a block, and every command of ours in a sentence."""
    for page, text in PAGES.items():
        for lines in blocks(page, "bash"):
            yield from ((page, line) for line in lines.splitlines())
        yield from ((page, code) for code in re.findall(r"`((?:tune-jobs|make) [^`]+)`", text))
        yield from ((page, code) for code in re.findall(r"`(python \S+\.py[^`]*)`", text))


def check_command(words: list[str]) -> None:
    match words:
        case []:
            pass
        case ["tune-jobs", name, *arguments]:
            check_ours(name, arguments)
        case ["python", file, *arguments] if file in MADE_UP_FILES or file.startswith(JOBS):
            check_ours("run", [file, *arguments])
        case ["cp", file, copy]:
            assert (ROOT / file).is_file()
            assert copy in MADE_UP_FILES
        case ["ray", "submit", "cluster.yaml", file, *arguments]:
            check_ours("run", [file, *arguments])
        case ["ray", "exec", "cluster.yaml", command]:
            check_command(shlex.split(command))
        case ["python", file, *_]:
            assert (ROOT / file).is_file()
        case ["make", "-C", folder]:
            assert (ROOT / folder / "Makefile").is_file()
        case ["make", target]:
            assert f"\n{target}:" in (ROOT / "Makefile").read_text()
        case ["ray", "up" | "down" | "dashboard", "cluster.yaml"]:
            pass
        case ["ray", "status"] | ["ray", "get-auth-token", "--generate"]:
            pass
        case ["ray", "job", "submit", "--working-dir", ".", "--", *command]:
            check_command(command)
        case ["ray", "job", _]:
            pass
        case ["sbatch", "--job-name", name, "cluster/slurm.sh", *arguments]:
            check_ours("run", [*arguments, "--name", name])
        case ["docker" | "kubectl", *_]:
            files = [word for word in words if word.startswith("cluster/")]
            assert files
            assert all((ROOT / file).is_file() for file in files)
        case ["tensorboard", "--logdir", _] | ["source", _]:
            pass
        case _:
            pytest.fail("which command is this?")


def check_ours(name: str, arguments: list[str]) -> None:
    assert isinstance(cli, click.Group)
    try:
        given = cli.commands[name].make_context(name, arguments).params
    except (click.exceptions.Exit, click.MissingParameter):
        return  # --help, or a command as it is spoken of
    if given.get("job") in MADE_UP_FILES or "job" not in given:
        return
    job, _ = load_job(given.pop("job"))
    settings = given.pop("settings", ())
    chosen = [(given.pop(kind, None) or "").split(",") for kind in METHOD]
    fields = {field: value for field, value in given.items() if field not in NOT_OF_A_JOB}
    for searcher in chosen[0]:
        for scheduler in chosen[1]:
            methods = {"searcher": searcher or None, "scheduler": scheduler or None}
            declared = override(job, {**fields, **methods}, settings)
            (declared.search if name == "simulate" else declared).validate()


@pytest.mark.parametrize(("page", "command"), dict.fromkeys(commands()))
def test_a_command_is_one_that_would_run(page: str, command: str) -> None:
    check_command(shlex.split(command, comments=True))


def test_every_option_in_a_sentence_exists() -> None:
    assert isinstance(cli, click.Group)
    known = {
        option
        for command in cli.commands.values()
        for parameter in command.params
        for option in parameter.opts
    }
    for page, text in PAGES.items():
        for option in re.findall(r"`(--[a-z-]+)", text):
            assert option in known, page


@pytest.mark.parametrize("page", PAGES)
def test_python_on_a_page_is_python(page: str) -> None:
    for code in blocks(page, "python"):
        compile(code, page, "exec")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", PAGES[page]):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.read_text()), (target, anchor)


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}


def test_the_readme_links_to_every_page() -> None:
    for page in PAGES:
        assert page == "README.md" or f"]({page})" in PAGES["README.md"]


def test_the_readme_shows_the_ready_job() -> None:
    shown = block("README.md", 'name="digits_cnn"')
    assert shown == (ROOT / "tune_jobs/jobs/digits_cnn.py").read_text()


def test_the_folders_that_are_drawn_exist() -> None:
    drawn: set[Path] = set()
    for line in block("docs/architecture.md", "__init__.py", "").splitlines():
        indent, names = re.findall(r"^( *)([\w./]+(?:, [\w./]+)*)", line)[0]
        if not indent:
            top = ROOT / names
            drawn.add(top)
        else:
            drawn |= {top / name for name in names.split(", ")}
    assert all(path.exists() for path in drawn), drawn
    folders = {path.parent for path in (ROOT / "tune_jobs").glob("*/__init__.py")}
    assert {folder for folder in folders if not folder.is_symlink()} <= drawn


def test_every_ready_model_and_job_field_is_described() -> None:
    from tune_jobs.models import MODELS
    from tune_jobs.names import field_names

    for name in MODELS:
        assert f"`{name}`" in PAGES["docs/models.md"]
    for name in field_names(TuneJob):
        assert f"`{name}`" in PAGES["docs/jobs.md"]


def test_the_tables_of_methods_are_those_of_the_classes() -> None:
    """`tune-jobs methods --markdown` prints them anew."""
    pattern = r"<!-- methods -->\n\n(.*?)\n\n<!-- /methods -->"
    (quoted,) = re.findall(pattern, PAGES["docs/methods.md"], re.DOTALL)
    assert quoted == methods_markdown()


def test_every_exercise_has_its_output() -> None:
    page = PAGES["docs/exercises.md"]
    pattern = r"^```bash\n(.*?)^```\n\n```\n(.*?)^```"
    shown = re.findall(pattern, page, re.MULTILINE | re.DOTALL)
    assert len(shown) == len(re.findall(r"^tune-jobs .*$", page, re.MULTILINE)) > 15
    value = r"[\d.]+(?: ± [\d.]+)?"
    for command, output in shown:
        if command.startswith("tune-jobs run"):
            best = rf"^best +\w+ {value} \(trial \d+, (epoch \d+|\d+ folds)\)$"
            assert re.search(best, output, re.MULTILINE)
            assert re.search(r"^test +\w+ [\d.]+", output, re.MULTILINE)


def test_the_commands_name_ready_jobs() -> None:
    """So that the checks above look at something."""
    named = [command for _, command in commands() if any(job in command for job in ready_jobs())]
    assert len(named) > 30
