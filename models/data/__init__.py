"""Data sets as arrays: the one place that touches data files or the network.

They live under $TUNE_JOBS_DATA, by default in the user's cache folder.
"""

from tune_jobs.models.data.arrays import Arrays, Fold, MissingDataError, Split, data_folder
from tune_jobs.models.data.prepared import load, made_once, prepare

__all__ = [
    "Arrays",
    "Fold",
    "MissingDataError",
    "Split",
    "data_folder",
    "load",
    "made_once",
    "prepare",
]
