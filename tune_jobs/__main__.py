"""`tune-jobs`, and `python -m tune_jobs`."""

from tune_jobs.runs.interrupt import end_at_once_when_told


def main() -> None:
    end_at_once_when_told()
    from tune_jobs.cli.commands import main as command  # takes a while to import

    command()


if __name__ == "__main__":
    main()
