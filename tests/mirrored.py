"""The journal of a run in a bucket, as it is there."""

from __future__ import annotations

from tune_jobs.storage import Place
from tune_jobs.storage.pieces import PIECE, joined, pieces


def read_journal(place: Place, piece: int = PIECE) -> bytes:
    return joined(place, pieces(place, piece))
