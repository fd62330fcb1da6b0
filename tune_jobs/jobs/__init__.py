"""Ready jobs, one file each: a name for `tune-jobs run`, a script for `ray submit`."""
