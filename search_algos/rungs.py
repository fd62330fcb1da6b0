"""Rung arithmetic in whole numbers. A floating-point logarithm gets log(243, 3) and
log(1000, 10) just below 5 and 3, and loses a rung."""

from __future__ import annotations


def milestones(grace_period: int, max_t: int, reduction_factor: int) -> list[int]:
    """The epochs at which trials are compared: r, r·η, r·η², ... below ``max_t``.

    r is ``grace_period``, η is ``reduction_factor`` (Li et al., "A System for Massively
    Parallel Hyperparameter Tuning", MLSys 2020). ``max_t`` is not among them: a trial that
    arrives there is complete.

    Raises ValueError for a reduction_factor below 2, or a grace_period outside 1..max_t.
    """
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
    epochs = []
    epoch = grace_period
    while epoch < max_t:
        epochs.append(epoch)
        epoch *= reduction_factor
    return epochs
