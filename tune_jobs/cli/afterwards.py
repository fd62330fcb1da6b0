"""The commands for a run that is over: take its best model along, remove it or a part of it."""

from __future__ import annotations

from pathlib import Path

import click
from pydantic import ByteSize

from tune_jobs.api import remove
from tune_jobs.api.run import Run
from tune_jobs.cli import completion
from tune_jobs.cli.options import storage_option
from tune_jobs.cli.screens import read_run
from tune_jobs.errors import counted
from tune_jobs.runs.folder import existing_run, find_run, find_storage
from tune_jobs.views import texts

_yes = click.option("--yes", is_flag=True, help="Do not ask.")


def _ask(question: str) -> None:
    """Goes on if the answer is yes."""
    if not click.confirm(question, err=True):  # with abort=True, "no" would look like Ctrl-C
        click.echo("nothing was removed", err=True)
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=completion.runs)
@_yes
@storage_option
def delete(runs: tuple[str, ...], yes: bool, storage: str | None) -> None:
    """Delete each RUN with all its files."""
    place = find_storage(storage)
    folders = [existing_run(place, run) for run in runs]
    if not yes:
        which = ", ".join(folder.where for folder in folders)
        _ask(f"delete {which}?")
    for folder in folders:
        remove.delete(folder)
        click.echo(f"deleted {folder.where}")


@click.command()
@click.argument("run", shell_complete=completion.runs)
@_yes
@storage_option
def prune(run: str, yes: bool, storage: str | None) -> None:
    """Remove all checkpoints of RUN but that of the best epoch, or those of the Pareto front."""
    folder = find_run(find_storage(storage), run)
    if not (yes or read_run(folder)[1].is_finished):
        question = f"{folder.where} is not finished: its trials would start again. Prune it?"
        _ask(question)
    removed, size = remove.prune(folder)
    click.echo(f"removed {counted(removed, 'checkpoint')}, {ByteSize(size).human_readable()}")


@click.command()
@click.argument("run", shell_complete=completion.runs)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--onnx", is_flag=True, help="Also write an ONNX file, checked on the validation data."
)
@storage_option
def export(run: str, folder: Path, onnx: bool, storage: str | None) -> None:
    """Write the best model of RUN into the new folder DIR.

    The folder has a script that loads the model.
    """
    Run.open(run, storage).export(folder, onnx=onnx)
    click.echo(f"exported to {folder}; `python {folder / 'predict.py'}` measures it again")


@click.command()
@click.argument("run", shell_complete=completion.runs)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Checkpoints that predict together.",
)
@storage_option
def ensemble(run: str, size: int, storage: str | None) -> None:
    """Find the checkpoints of RUN that predict best together."""
    opened = Run.open(run, storage)
    found, metric = opened.ensemble(size), opened.state.objective.metric
    for why in found.left_out:
        click.echo(f"left out: {why}")
    for ref, times in found.members.items():
        click.echo(f"member    trial {ref.trial_id}, epoch {ref.epoch}, {counted(times, 'time')}")
    click.echo(f"ensemble  {metric} {texts.number(found.value)}; {texts.values(found.test or {})}")
    alone = f"trial {found.single.trial_id}, epoch {found.single.epoch}"
    value, tested = texts.number(found.single_value), texts.values(found.single_test or {})
    click.echo(f"alone     {metric} {value}; {tested} ({alone})")


@click.command()
@click.argument("run", shell_complete=completion.runs)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Trainings, each with another seed.",
)
@click.option("--export", metavar="DIR", help="Also write the model of the first seed into DIR.")
@storage_option
def retrain(run: str, seeds: int, export: str | None, storage: str | None) -> None:
    """Train the best config of RUN again, on more data.

    These are the training and the validation data. Each model is measured on the test data.
    """
    found = Run.open(run, storage).retrain(seeds, export=export)
    click.echo(f"{counted(seeds, 'seed')}, {counted(found.epochs, 'epoch')}: {found.words}")


COMMANDS = (delete, prune, export, ensemble, retrain)
