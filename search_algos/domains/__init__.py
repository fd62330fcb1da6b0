"""What a hyperparameter can be: `Float`, `Int`, `Normal` or `Choice`.

Every domain maps the unit interval onto its values (`from_unit`) and back (`to_unit`), so a
searcher that only knows the unit cube can search any space. A domain with a condition,
`when={"optimizer": "sgd"}`, is part of a config only if its parent has that value.
"""

from tune_jobs.search_algos.domains.choice import Choice
from tune_jobs.search_algos.domains.normal import Normal
from tune_jobs.search_algos.domains.numbers import Float, Int
from tune_jobs.search_algos.domains.values import SpaceError, is_json, json_key

Number = Float | Int | Normal
Domain = Number | Choice


def place_count(domain: Domain) -> int | None:
    """How many values there are, evenly apart and equally likely; None for all other domains."""
    if isinstance(domain, Normal) or (isinstance(domain, Float | Int) and domain.log):
        return None
    return domain.size


__all__ = [
    "Choice",
    "Domain",
    "Float",
    "Int",
    "Normal",
    "Number",
    "SpaceError",
    "is_json",
    "json_key",
    "place_count",
]
