"""Where files are kept: a folder that every node can reach, or a prefix in a bucket.

    place = open_place("s3://bucket/results").child("run-1")
    place.write("job.json", b"{}")

A `Place` can be sent to workers. Its names are relative paths with ``/``. Its failures are
OSErrors, and `patiently` retries them.
"""

from __future__ import annotations

import re
from pathlib import Path

from tune_jobs.storage.bucket import Bucket
from tune_jobs.storage.folder import Folder
from tune_jobs.storage.patience import StorageError, patiently
from tune_jobs.storage.place import FileInfo, Place

__all__ = ["Bucket", "FileInfo", "Folder", "Place", "StorageError", "open_place", "patiently"]


def open_place(url_or_path: str) -> Place:
    """Raises UserError if it is neither a path nor the URL of a bucket."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", url_or_path):
        return Bucket(url_or_path)
    return Folder(Path(url_or_path))
