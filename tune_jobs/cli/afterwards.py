"""The commands for a run that is over: remove it, or a part of it."""

from __future__ import annotations

import click
from pydantic import ByteSize

from tune_jobs.api import remove
from tune_jobs.cli import completion
from tune_jobs.cli.options import storage_option
from tune_jobs.cli.screens import read_run
from tune_jobs.errors import counted
from tune_jobs.runs.folder import existing_run, find_run, find_storage

_yes = click.option("--yes", is_flag=True, help="Do not ask.")


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
        click.confirm(f"delete {which}?", abort=True, err=True)
    for folder in folders:
        remove.delete(folder)
        click.echo(f"deleted {folder.where}")


@click.command()
@click.argument("run", shell_complete=completion.runs)
@_yes
@storage_option
def prune(run: str, yes: bool, storage: str | None) -> None:
    """Remove the checkpoints of RUN, except for the best one."""
    folder = find_run(find_storage(storage), run)
    if not (yes or read_run(folder)[1].is_finished):
        question = f"{folder.where} is not finished: its trials could not continue. Prune it?"
        click.confirm(question, abort=True, err=True)
    removed, size = remove.prune(folder)
    click.echo(f"removed {counted(removed, 'checkpoint')}, {ByteSize(size).human_readable()}")


COMMANDS = (delete, prune)
