"""What a shell offers for an argument of `tune-jobs`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import click
from click.shell_completion import CompletionItem

from tune_jobs.errors import UserError
from tune_jobs.job.files import ready_jobs
from tune_jobs.runs.folder import find_storage


def jobs(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The ready jobs, and files."""
    return _names_or_files(ready_jobs(), begun)


def runs(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The runs of the storage, and files."""
    names: list[str] = []
    with suppress(UserError, OSError):  # a message would appear in the line that is being typed
        names = [run.name for run in find_storage(context.params.get("storage")).runs()]
    return _names_or_files(sorted(names), begun)


def _names_or_files(names: Iterable[str], begun: str) -> list[CompletionItem]:
    files = CompletionItem(begun, type="file")  # first: bash drops what came before it
    return [files, *(CompletionItem(name) for name in names if name.startswith(begun))]
