"""A tuning framework for Ray clusters: declare a job, run it anywhere, lose nothing."""

from search_algos.domains import Choice, Float, Int
from tune_jobs.job import TuneJob

__all__ = ["Choice", "Float", "Int", "TuneJob", "main"]


def main(job: TuneJob) -> None:
    """Makes a job file a script with the flags of `tune-jobs run`."""
    from tune_jobs.cli import run_script

    run_script(job)
