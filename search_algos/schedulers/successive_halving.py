"""Successive halving (Jamieson & Talwalkar, AISTATS 2016): one bracket of Hyperband."""

from __future__ import annotations

from tune_jobs.search_algos.rungs import BracketPlan
from tune_jobs.search_algos.schedulers.hyperband import Hyperband


class SuccessiveHalving(Hyperband):
    """Fills the bracket that stops most trials, again and again; options as for `Hyperband`."""

    @staticmethod
    def plans(grace_period: int, max_t: int, reduction_factor: int) -> list[BracketPlan]:
        return Hyperband.plans(grace_period, max_t, reduction_factor)[:1]
