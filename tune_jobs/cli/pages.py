"""Commands that make pages of runs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from tune_jobs.cli import completion
from tune_jobs.cli.options import storage_option
from tune_jobs.errors import UserError
from tune_jobs.runs.folder import RunFolder, find_run, find_storage, near
from tune_jobs.views.screen import Screen, cell, table


@click.command()
@click.argument("run", shell_complete=completion.runs)
@storage_option
def report(run: str, storage: str | None) -> None:
    """Write report.html of RUN, a page that opens offline."""
    from tune_jobs.views.pages.report import write_report

    folder = found(run, storage)
    path = write_report(folder)
    if folder.bucket:
        folder.place.write(path.name, path.read_bytes())
    click.echo(near(path))


@click.command()
@click.argument("runs", nargs=-1, shell_complete=completion.runs)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port to listen on; 0 picks a free one.",
)
@storage_option
def dashboard(runs: tuple[str, ...], port: int, storage: str | None) -> None:
    """Show RUNS in a browser, live. By default these are all runs of the storage."""
    from tune_jobs.views.pages.dashboard import server

    place = find_storage(storage)
    folders = [find_run(place, run) for run in runs]
    with server(lambda: folders if runs else place.runs(), port) as serving:
        port = serving.server_port
        click.echo(f"http://127.0.0.1:{port}/dashboard/")
        click.echo(
            f"on a cluster: `ray attach cluster.yaml --port-forward {port}`, or "
            f"`ssh -L {port}:127.0.0.1:{port} HOST`; then open that address here"
        )
        click.echo("Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            serving.serve_forever()


@click.command()
@click.argument("runs", nargs=-1, required=True, shell_complete=completion.runs)
@click.option(
    "--page",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    default="comparison.html",
    show_default=True,
    help="Where the page is written.",
)
@storage_option
def compare(runs: tuple[str, ...], page: Path, storage: str | None) -> None:
    """Compare RUNS after as many epochs, and after as much time.

    This prints a table, and writes a page with their plots.
    """
    from tune_jobs.views.pages.compare import compared, page_of
    from tune_jobs.views.pages.record import Record

    records = [Record.read(found(run, storage)) for run in runs]
    titles, rows = compared(records)
    shown = table(*titles)
    for row in rows:
        shown.add_row(*(cell("" if value is None else value) for value in row))
    Screen().print(shown)
    page_of(records).write(page)
    click.echo(page)


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


COMMANDS = (report, dashboard, compare)
