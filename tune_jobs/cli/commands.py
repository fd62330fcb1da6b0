"""The command line: tune-jobs list | methods | show | check | run | resume | ..."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from types import ModuleType
from typing import Any

import click

from tune_jobs.api import run as api
from tune_jobs.api.run import Run
from tune_jobs.cli import afterwards, completion, pages, screens
from tune_jobs.cli.as_json import run_as_json, runs_as_json
from tune_jobs.cli.logs import printed
from tune_jobs.cli.methods import methods_markdown, print_methods
from tune_jobs.cli.options import DRIVE_OPTIONS, RUN_OPTIONS, options, storage_option
from tune_jobs.errors import UserError
from tune_jobs.experiment.state import RunState
from tune_jobs.job.code import is_importing
from tune_jobs.job.files import load_job, ready_jobs
from tune_jobs.job.origin import Origin
from tune_jobs.job.overrides import override
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.folder import Storage, existing_run, find_run, find_storage
from tune_jobs.runs.interrupt import EXIT_BY_SIGNAL, end_at_once_when_told
from tune_jobs.search_algos.domains import SpaceError
from tune_jobs.views import texts
from tune_jobs.views.progress import waiting
from tune_jobs.views.screen import RunScreen, Screen
from tune_jobs.views.watch import watch as follow

EXIT_NO_RESULT, EXIT_BAD_INPUT = 1, 2
HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=HELP_OPTIONS)
@click.version_option(package_name="tune-jobs")
def cli() -> None:
    """Tune models on a laptop, a machine with GPUs, or a Ray cluster."""


@cli.command("list")
def list_() -> None:
    """List the ready jobs, searchers and schedulers."""
    screens.print_jobs(Screen(), map(load_job, ready_jobs()))


@cli.command()
@click.option("--markdown", is_flag=True, help="Print Markdown, with a table of all pairs.")
def methods(markdown: bool) -> None:
    """Describe the searchers and schedulers, and what they need."""
    if markdown:
        click.echo(methods_markdown())
    else:
        print_methods(Screen())


@cli.command()
@click.argument("job", shell_complete=completion.jobs)
def show(job: str) -> None:
    """Show JOB: the name of a ready job, or the path of a job file."""
    declared, module = load_job(job)
    screens.print_job(Screen(), declared, module)
    if job not in ready_jobs():  # those are tested
        declared.validate()


@cli.command()
@click.argument("job", shell_complete=completion.jobs)
@options(*RUN_OPTIONS, storage_option)
def check(
    job: str, name: str | None, storage: str | None, settings: Iterable[str], **fields: Any
) -> None:
    """Try out JOB in this process, without Ray.

    This runs all checks, and trains one epoch of the first trial.
    """
    from tune_jobs.api.check import check as check_job

    check_job(override(load_job(job)[0], fields, settings), name=name, storage=storage)


@cli.command()
@click.argument("job", shell_complete=completion.jobs)
@options(*RUN_OPTIONS, storage_option)
def run(job: str, **flags: Any) -> None:
    """Run JOB: the name of a ready job, or the path of a job file."""
    with waiting(RunScreen(), "importing the job"):
        declared, module = load_job(job)
    _run(declared, module, **flags)


@cli.command()
@click.argument("run", shell_complete=completion.runs)
@click.option("--samples", metavar="N|+N", help="Number of trials in all, or +N for N more.")
@click.option("--max-epochs", type=int, help="Train complete trials up to this many epochs.")
@options(*DRIVE_OPTIONS)
@click.option("--job-file", metavar="FILE", help="The job file, if it was moved.")
@click.option("--truncate-at", type=int, metavar="LINE", help="Cut a damaged journal before LINE.")
@click.option("--accept-changes", is_flag=True, help="Continue although the scheduler was changed.")
@storage_option
def resume(run: str, storage: str | None, **flags: Any) -> None:
    """Continue RUN, or make it longer. RUN is a name, a path or a URL."""
    _finish(Run.open(run, storage).resume(**flags))


@cli.command()
@click.argument("job", shell_complete=completion.jobs)
@click.option(
    "--workers", type=click.IntRange(min=1), default=8, show_default=True, help="Trials at a time."
)
@click.option("--searcher", metavar="NAME,...", help="Searchers to compare.  [default: the job's]")
@click.option(
    "--scheduler", metavar="NAME,...", help="Schedulers to compare.  [default: the job's]"
)
@click.option("--samples", "num_samples", type=int, help="Complete trials that the budget is for.")
@click.option("--max-epochs", type=int, help="Epochs of a complete trial.")
@click.option("--seed", type=int, help="Seed of the searcher, the scheduler and the curves.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="As for run.")
@click.option(
    "--curves",
    metavar="FILE.npz[:TASK]",
    help="Recorded learning curves.  [default: made-up ones over the job's space]",
)
def simulate(
    job: str,
    workers: int,
    searcher: str | None,
    scheduler: str | None,
    curves: str | None,
    settings: Iterable[str],
    **fields: Any,
) -> None:
    """Compare methods on JOB without training, on a virtual clock."""
    from tune_jobs.simulation.comparison import compare
    from tune_jobs.simulation.curves import ClosedForm, Recorded

    declared = override(load_job(job)[0], fields)
    objective, space = declared.objective, override(declared.search, {}, settings).domains
    shown: ClosedForm | Recorded
    if curves:
        shown = Recorded.read(curves, space, objective)
        shown.check_epochs(declared.extent.reports)
    else:
        shown = ClosedForm(space, objective, declared.extent.reports, declared.seed)
    outcomes = compare(
        declared,
        shown,
        workers,
        searcher.split(",") if searcher else [declared.searcher],
        scheduler.split(",") if scheduler else [declared.scheduler],
        settings,
    )
    screens.print_comparison(Screen(), declared, workers, outcomes)


@cli.command()
@click.argument("run", required=False, shell_complete=completion.runs)
@click.option(
    "--top", type=click.IntRange(min=1), default=20, show_default=True, help="Trials to show."
)
@click.option(
    "--sort", metavar="COLUMN", help="Column to sort the trials by.  [default: the metric]"
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--watch", is_flag=True, help="First show RUN live, until it ends.")
@storage_option
def status(
    run: str | None, top: int, sort: str | None, as_json: bool, watch: bool, storage: str | None
) -> None:
    """Show RUN, or all runs of the storage."""
    place = find_storage(storage)
    if watch:
        _watch(place, run, as_json)
    if as_json:
        click.echo(
            runs_as_json(place.runs()) if run is None else run_as_json(existing_run(place, run))
        )
    elif run is not None:
        screens.print_run(Screen(), existing_run(place, run), top, sort)
    elif runs := place.runs():
        screens.print_runs(Screen(), runs)
    else:
        click.echo(f"{place.place.url} has no runs yet; `tune-jobs run JOB` makes one", err=True)


@cli.command()
@click.argument("run", shell_complete=completion.runs)
@click.option("--trial", metavar="N|test", required=True, help="A trial, or the final test.")
@click.option("--follow", is_flag=True, help="Keep printing until the trial ends.")
@storage_option
def logs(run: str, trial: str, follow: bool, storage: str | None) -> None:
    """Show what a trial of RUN printed."""
    folder = find_run(find_storage(storage), run)
    is_silent = True
    for line in printed(folder, trial, follow):
        is_silent = False
        click.echo(line)
    if is_silent:
        which = "the final test" if trial == "test" else f"trial {trial}"
        click.echo(f"{which} of {folder.where} printed nothing", err=True)


for command in (*pages.COMMANDS, *afterwards.COMMANDS):
    cli.add_command(command)


def main() -> None:
    """`tune-jobs`."""
    _exit_cleanly(cli)


def run_script(job: TuneJob) -> None:
    """A job file as a script, with the options of `tune-jobs run`. Does nothing while the file is
    imported for its job."""
    if is_importing():
        return
    end_at_once_when_told()

    @click.command(help=f"Run the job {job.name}.", context_settings=HELP_OPTIONS)
    @options(*RUN_OPTIONS, storage_option)
    def script(**flags: Any) -> None:
        _run(job, sys.modules["__main__"], **flags)

    _exit_cleanly(script)


def _run(
    job: TuneJob,
    module: ModuleType,
    *,
    name: str | None,
    storage: str | None,
    settings: Iterable[str],
    **fields: Any,
) -> None:
    declared = override(job, fields, settings)
    began, origin = click.get_current_context().obj, Origin.of(job, module)
    _finish(api.run(declared, name=name, storage=storage, origin=origin, began=began))


def _watch(place: Storage, run: str | None, as_json: bool) -> None:
    if run is None or as_json:
        raise click.UsageError("--watch follows one run: give its name, and no --json")
    with suppress(BrokenPipeError):
        follow(find_run(place, run), RunScreen())


def _finish(run: Run) -> None:
    with suppress(BrokenPipeError):
        screens.print_result(RunScreen(), run.folder, run.state)
    sys.exit(_exit_code(run.state))


def _exit_code(state: RunState) -> int:
    if state.closed and state.closed.status == "interrupted":
        return EXIT_BY_SIGNAL + state.closed.signal
    return 0 if state.tested and not state.tested.error else EXIT_NO_RESULT


def _exit_cleanly(command: click.Command) -> None:
    """Runs a command; bad input is a message, not a traceback."""
    try:
        # The time of a run begins here. Click itself would end with 1 on Ctrl-C.
        sys.exit(command.main(standalone_mode=False, obj=time.time()))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except UserError as error:
        for problem in error.problems:
            click.echo(f"error: {texts.block(problem)}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    except (OSError, SpaceError) as error:  # a failing disk or share; an impossible space
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(EXIT_BY_SIGNAL + signal.SIGINT)
