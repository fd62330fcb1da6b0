"""How long a run is."""

from __future__ import annotations

from typing import NamedTuple


class Extent(NamedTuple):
    """Attributes:
    trials: of the run.
    reports: of a complete trial: one after every epoch, or after every fold where it is
        cross-validated.
    """

    trials: int
    reports: int
