"""The order of losses of several metrics."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tune_jobs.search_algos.order import Loss, Ranking, best_first, no_worse

_numbers = st.integers(0, 6).map(float)
_losses = st.one_of(
    st.lists(_numbers, min_size=1, max_size=20),
    st.lists(st.tuples(_numbers, _numbers), min_size=1, max_size=20),
    st.lists(st.tuples(_numbers, _numbers, _numbers), min_size=1, max_size=20),
)


def dominates(one: Loss, other: Loss) -> bool:
    return no_worse(one, other) and one != other


def fronts(losses: list[Loss]) -> list[set[int]]:
    """Those that none of the rest dominates, as the definition says, and so on."""
    left, found = set(range(len(losses))), []
    while left:
        found.append({n for n in left if not any(dominates(losses[m], losses[n]) for m in left)})
        left -= found[-1]
    return found


@given(losses=_losses)
def test_fronts_come_one_after_the_other_and_each_begins_with_the_best_by_the_first_metric(
    losses: list[Loss],
) -> None:
    order = best_first(dict(enumerate(losses)))
    assert sorted(order) == list(range(len(losses)))
    for front in fronts(losses):
        head, order = order[: len(front)], order[len(front) :]
        assert set(head) == front
        assert losses[head[0]] == min(losses[n] for n in front)


@given(losses=st.lists(st.tuples(_numbers, _numbers), min_size=1, max_size=20))
def test_the_units_of_the_metrics_do_not_matter(losses: list[tuple[float, float]]) -> None:
    bent = [(1e-3 * first**3, 50 + 2**second) for first, second in losses]
    assert best_first(dict(enumerate(bent))) == best_first(dict(enumerate(losses)))


def test_a_cut_through_a_front_leaves_it_wide() -> None:
    front = {n: (float(n), float(100 - n)) for n in range(101)}
    assert best_first(front)[:5] == [0, 100, 50, 25, 75]


@given(losses=_losses)
def test_a_ranking_says_at_once_how_many_are_better(losses: list[Loss]) -> None:
    ranking = Ranking()
    for number, loss in enumerate(losses):
        rank = ranking.add(number, loss)
        order = best_first(dict(enumerate(losses[: number + 1])))
        assert ranking.best() == order
        if isinstance(loss, tuple):
            assert rank == order.index(number)
        else:
            assert rank == sum(other < loss for other in losses[:number])
