"""A search space: named domains; some may be active only for some values of another.

Parameters are searched together as points of the unit cube, one coordinate each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from tune_jobs.search_algos.domains import Choice, Domain, SpaceError, json_key

Config = dict[str, Any]
"""One assignment of the active parameters of a space: name -> value."""


class Uniform(Protocol):
    """What `Space.sample` needs of a random generator; `numpy.random.Generator` has it."""

    def random(self) -> float: ...


class Space(Mapping[str, Domain]):
    """Named domains, searched together.

    Raises SpaceError for a value that is not a domain, and for a condition on a parameter
    that does not exist, is not a `Choice`, cannot take the named value, or depends on itself.
    """

    def __init__(self, domains: Mapping[str, Domain]) -> None:
        self._domains = dict(domains)
        for name, domain in self._domains.items():
            if not isinstance(domain, Domain):
                raise SpaceError(f"{name!r} is {domain!r}; a domain is Float, Int or Choice")
            self._check_condition(name, domain)
        self.parents_first = self._sorted_by_condition()

    def __getitem__(self, name: str) -> Domain:
        return self._domains[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._domains)

    def __len__(self) -> int:
        return len(self._domains)

    @property
    def has_conditions(self) -> bool:
        return any(domain.when for domain in self._domains.values())

    def sample(self, rng: Uniform) -> Config:
        """A random config; draws exactly one number per parameter, active or not."""
        return self.decode([rng.random() for _ in self._domains])

    def contains(self, config: Mapping[str, Any]) -> bool:
        """Whether config holds exactly the active parameters, each with a value of its domain."""
        active = [name for name in self._domains if self._is_active(name, config)]
        return set(config) == set(active) and all(self[n].contains(config[n]) for n in active)

    def checked(self, config: Mapping[str, Any]) -> Config:
        """The config with numpy numbers as Python numbers.

        Raises SpaceError, which says what is wrong, if it is not a config of this space.
        """
        if not isinstance(config, Mapping):
            raise SpaceError(f"the config is {config!r}; it must be a dict")
        plain = {name: _plain(value) for name, value in config.items()}
        for name, value in plain.items():
            self._check_value(name, value)
        active = [name for name in self._domains if self._is_active(name, plain)]
        for name in active:
            if name not in plain:
                raise SpaceError(f"the config {plain} lacks {name!r}; it can be {self[name]}")
        for name in plain:
            if name not in active:
                raise SpaceError(f"the config {plain} has {name!r}, which is inactive there")
        return plain

    def encode(self, config: Mapping[str, Any]) -> list[float]:
        """The point of the unit cube, one coordinate per parameter; inactive ones are 0.5."""
        return [
            domain.to_unit(config[name]) if name in config else 0.5
            for name, domain in self._domains.items()
        ]

    def decode(self, point: Sequence[float]) -> Config:
        """The config at a point of the unit cube, one coordinate in [0, 1] per parameter."""
        unit = dict(zip(self._domains, point, strict=True))
        return self.build(lambda name, domain: domain.from_unit(unit[name]))

    def build(self, value: Callable[[str, Domain], Any]) -> Config:
        """The config whose active parameters ``value`` gives, parents before those that depend on
        them."""
        config: Config = {}
        for name in self.parents_first:
            if self._is_active(name, config):
                config[name] = value(name, self[name])
        return {name: config[name] for name in self._domains if name in config}

    def configs(self) -> Iterator[Config]:
        """Every config, each once; of a Float without a step only the middle."""
        return self._configs_after({}, self.parents_first)

    def complete(self, given: Mapping[str, Any], rng: Uniform) -> Config:
        """``given`` with random values for the active parameters it leaves out.

        Raises SpaceError for an unknown or inactive parameter, and for a value outside its
        domain.
        """
        for name, value in given.items():
            self._check_value(name, value)
            for parent, wanted in (self[name].when or {}).items():
                if parent not in given or not _among(given[parent], wanted):
                    raise SpaceError(
                        f"{name!r} is given, which needs {parent!r} to be "
                        + " or ".join(map(repr, allowed_values(wanted)))
                    )
        sampled = {name: domain.from_unit(rng.random()) for name, domain in self.items()}
        return self.build(lambda name, domain: given.get(name, sampled[name]))

    def _configs_after(self, config: Config, names: Sequence[str]) -> Iterator[Config]:
        """The configs that go on from values of the parameters before ``names``."""
        if not names:
            yield {name: config[name] for name in self._domains if name in config}
            return
        name, rest = names[0], names[1:]
        if not self._is_active(name, config):
            yield from self._configs_after(config, rest)
            return
        for value in _values(self[name]):
            yield from self._configs_after({**config, name: value}, rest)

    def _check_value(self, name: str, value: Any) -> None:
        if name not in self._domains:
            raise SpaceError(f"{name!r} is not in the space; it has {', '.join(self)}")
        if not self[name].contains(value):
            raise SpaceError(f"{name!r} is {value!r}; it can be {self[name]}")

    def _is_active(self, name: str, config: Mapping[str, Any]) -> bool:
        return all(
            parent in config and _among(config[parent], wanted)
            for parent, wanted in (self[name].when or {}).items()
        )

    def _check_condition(self, name: str, domain: Domain) -> None:
        for parent, wanted in (domain.when or {}).items():
            if parent not in self._domains:
                raise SpaceError(f"{name!r} depends on {parent!r}, which is not in the space")
            choice = self._domains[parent]
            if not isinstance(choice, Choice):
                raise SpaceError(
                    f"{name!r} depends on {parent!r}, which is {type(choice).__name__}; a "
                    "condition needs a Choice"
                )
            for value in allowed_values(wanted):
                if not choice.contains(value):
                    raise SpaceError(
                        f"{name!r} depends on {parent!r} being {value!r}; {parent!r} can be "
                        + ", ".join(map(repr, choice.values))
                    )

    def _sorted_by_condition(self) -> list[str]:
        done: list[str] = []
        waiting = list(self._domains)
        while waiting:
            ready = [n for n in waiting if set(self[n].when or ()) <= set(done)]
            if not ready:
                raise SpaceError(f"conditions go in a circle: {', '.join(waiting)}")
            done += ready
            waiting = [n for n in waiting if n not in ready]
        return done


def _plain(value: Any) -> Any:
    """A number of numpy or torch as one of Python."""
    return value.item() if hasattr(value, "item") and not getattr(value, "shape", ()) else value


def split(values: Mapping[str, Any]) -> tuple[Space, Config]:
    """Domains and plain values, apart. A plain value settles the conditions that name it: a
    parameter whose condition it meets is searched without it, any other is left out."""
    constants = {name: v for name, v in values.items() if not isinstance(v, Domain)}
    domains = {name: v for name, v in values.items() if isinstance(v, Domain)}
    left_out: set[str] = set()
    for _ in domains:  # as deep as conditions can be nested
        left_out |= {
            name
            for name, domain in domains.items()
            for parent, wanted in (domain.when or {}).items()
            if parent in left_out or (parent in constants and not _among(constants[parent], wanted))
        }
    return Space(
        {
            name: replace(domain, when={p: w for p, w in domain.when.items() if p not in constants})
            if domain.when
            else domain
            for name, domain in domains.items()
            if name not in left_out
        }
    ), constants


def _values(domain: Domain) -> Iterable[Any]:
    if domain.size is None:
        return [domain.from_unit(0.5)]
    return map(domain.value_at, range(domain.size))


def allowed_values(wanted: Any) -> Sequence[Any]:
    """The parent values of a condition: `"sgd"` is one, `("sgd", "adam")` is two."""
    return wanted if isinstance(wanted, (list, tuple)) else (wanted,)


def _among(value: object, wanted: Any) -> bool:
    return json_key(value) in map(json_key, allowed_values(wanted))
