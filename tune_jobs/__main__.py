"""`python -m tune_jobs` is `tune-jobs`."""

from tune_jobs.cli.commands import main

main()
