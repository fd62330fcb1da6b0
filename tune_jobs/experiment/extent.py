"""How long a run is."""

from __future__ import annotations

from typing import NamedTuple


class Extent(NamedTuple):
    """Attributes:
    trials: of the run.
    reports: of a complete trial: one per epoch, or one per fold in a cross-validation. Or its
        steps, where a report says after how many steps it comes.
    """

    trials: int
    reports: int
