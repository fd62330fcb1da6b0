"""Commands that make pages of runs."""

from __future__ import annotations

from pathlib import Path

import click

from tune_jobs.cli import completion
from tune_jobs.cli.options import storage_option
from tune_jobs.errors import UserError
from tune_jobs.runs.folder import RunFolder, find_run, find_storage, near


@click.command()
@click.argument("run", shell_complete=completion.runs)
@storage_option
def report(run: str, storage: str | None) -> None:
    """Write report.html of RUN: one page that opens offline."""
    from tune_jobs.views.pages.report import write_report

    folder = found(run, storage)
    path = write_report(folder)
    if folder.bucket:
        folder.place.write(path.name, path.read_bytes())
    click.echo(near(path))


def found(run: str, storage: str | None) -> RunFolder:
    """A run, or what is left of one. Raises UserError if there is nothing."""
    place = find_storage(storage)
    try:
        return find_run(place, run)
    except UserError:
        left = [Path(run), place.run(run).path]
        folder = next((path for path in left if path.is_dir()), None)
        if folder is None or folder.resolve() == Path.cwd():
            raise
        return RunFolder(folder.resolve())


def add_to(group: click.Group) -> None:
    for command in (report,):
        group.add_command(command)
