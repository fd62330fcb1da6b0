"""Rung arithmetic in whole numbers. A floating-point logarithm gets log(243, 3) and
log(1000, 10) just below 5 and 3, and loses a rung."""

from __future__ import annotations

from typing import NamedTuple


def milestones(grace_period: int, max_t: int, reduction_factor: int) -> list[int]:
    """The epochs at which trials are compared: r, r·η, r·η², ... below ``max_t``.

    r is ``grace_period``, η is ``reduction_factor`` (Li et al., "A System for Massively
    Parallel Hyperparameter Tuning", MLSys 2020). ``max_t`` is not among them: a trial that
    arrives there is complete.

    Raises ValueError for a reduction_factor below 2, or a grace_period outside 1..max_t.
    """
    _check(grace_period, max_t, reduction_factor)
    epochs = []
    epoch = grace_period
    while epoch < max_t:
        epochs.append(epoch)
        epoch *= reduction_factor
    return epochs


class BracketPlan(NamedTuple):
    """One bracket of Hyperband: ``size`` trials start, and after each of ``epochs`` those
    above go on. The last of ``epochs`` is max_t."""

    size: int
    epochs: tuple[int, ...]


def hyperband_brackets(grace_period: int, max_t: int, reduction_factor: int) -> list[BracketPlan]:
    """Hyperband's brackets, from the one that cuts most to the one that cuts nothing.

    With R = max_t, s_max the largest s with R / η^s ≥ ``grace_period``, and B = (s_max + 1) R,
    bracket s starts ⌈B/R · η^s / (s + 1)⌉ trials and compares them after R / η^s, ... , R / η
    epochs, rounded down (Li et al., "Hyperband", JMLR 2018, algorithm 1).

    Raises ValueError as `milestones` does.
    """
    _check(grace_period, max_t, reduction_factor)
    s_max = 0
    while max_t // reduction_factor ** (s_max + 1) >= grace_period:
        s_max += 1
    return [
        BracketPlan(
            size=-(-(s_max + 1) * reduction_factor**s // (s + 1)),
            epochs=tuple(max_t // reduction_factor**i for i in range(s, -1, -1)),
        )
        for s in range(s_max, -1, -1)
    ]


def _check(grace_period: int, max_t: int, reduction_factor: int) -> None:
    if not isinstance(reduction_factor, int) or reduction_factor < 2:
        raise ValueError(
            f"reduction_factor is {reduction_factor}; it must be an integer of at least 2 "
            "(η in the paper)"
        )
    if not isinstance(grace_period, int) or grace_period < 1:
        raise ValueError(f"grace_period is {grace_period}; it must be an epoch, at least 1")
    if grace_period > max_t:
        raise ValueError(
            f"grace_period is {grace_period}, max_t is {max_t}; no trial could be compared "
            f"before it ends: give a grace_period of at most {max_t}, or more epochs"
        )
