"""A search space: named domains; some may be active only for some values of another, and
constraints may say which configs are worth a trial.

Parameters are searched together as points of the unit cube, one coordinate each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from tune_jobs.search_algos.conditions import check_condition, in_words, meets
from tune_jobs.search_algos.constraints import Constraint, Constraints
from tune_jobs.search_algos.derived import Derived
from tune_jobs.search_algos.domains import Choice, Domain, SpaceError
from tune_jobs.search_algos.domains.values import plain
from tune_jobs.search_algos.nested import flat, inner

Config = dict[str, Any]
"""One assignment of the active parameters of a space: name -> value."""


class Uniform(Protocol):
    """What `Space.sample` needs of a random generator; `numpy.random.Generator` has it."""

    def random(self) -> float: ...


class Space(Mapping[str, Domain]):
    """Named domains, searched together.

    Args:
        constraints: texts as in `constraints.Constraint`. One that names an inactive parameter
            holds.
        constants: values of names in the constraints that are not searched.

    Raises SpaceError for a value that is not a domain; for a condition on a parameter that does
    not exist, cannot meet it, or depends on itself; and for a constraint that cannot be read or
    has an unknown name.
    """

    def __init__(
        self,
        domains: Mapping[str, Domain],
        constraints: Sequence[str] = (),
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        self._domains = dict(domains)
        for name, domain in self._domains.items():
            if not isinstance(domain, Domain):
                raise SpaceError(
                    f"{name!r} is {domain!r}; a domain is Float, Int, Normal or Choice"
                )
            self._check_conditions(name, domain)
        self.parents_first = self._sorted_by_condition()
        self.constraints = Constraints(constraints, constants or {}, self._domains)

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
        """A random config; draws one number per parameter, active or not, until the config keeps
        to the constraints.

        Raises SpaceError if hardly any config does.
        """
        return self.constraints.sampled(lambda: self.decode([rng.random() for _ in self]))

    def allows(self, config: Mapping[str, Any]) -> bool:
        """Whether a config keeps to the constraints, as far as it has values for them."""
        return self.constraints.broken(config) is None

    def contains(self, config: Mapping[str, Any]) -> bool:
        """Whether config holds exactly the active parameters, each with a value of its domain, and
        keeps to the constraints."""
        active = [name for name in self._domains if self._is_active(name, config)]
        return (
            set(config) == set(active)
            and all(self[n].contains(config[n]) for n in active)
            and self.allows(config)
        )

    def checked(self, config: Mapping[str, Any]) -> Config:
        """The config with the values as the domains have them: numbers of Python instead of
        numpy's, a tuple instead of a list.

        Raises SpaceError, which says what is wrong, if it is not a config of this space. It may
        break constraints.
        """
        if not isinstance(config, Mapping):
            raise SpaceError(f"the config is {config!r}; it must be a dict")
        found = {name: self._own(name, value) for name, value in config.items()}
        active = [name for name in self._domains if self._is_active(name, found)]
        for name in active:
            if name not in found:
                raise SpaceError(f"the config {found} lacks {name!r}; it can be {self[name]}")
        for name in found:
            if name not in active:
                raise SpaceError(f"the config {found} has {name!r}, which is inactive there")
        return found

    def encode(self, config: Mapping[str, Any]) -> list[float]:
        """The point of the unit cube, one coordinate per parameter; inactive ones are 0.5."""
        return [
            domain.to_unit(config[name]) if name in config else 0.5
            for name, domain in self._domains.items()
        ]

    def decode(self, point: Sequence[float]) -> Config:
        """The config at a point of the unit cube, one coordinate in [0, 1] per parameter. It may
        break constraints."""
        unit = dict(zip(self._domains, point, strict=True))
        return self.build(lambda name, domain: domain.from_unit(unit[name]))

    def build(self, value: Callable[[str, Domain], Any]) -> Config:
        """The config whose active parameters ``value`` gives, parents before those that depend on
        them. It may break constraints."""
        config: Config = {}
        for name in self.parents_first:
            if self._is_active(name, config):
                config[name] = value(name, self[name])
        return {name: config[name] for name in self._domains if name in config}

    def configs(self) -> Iterator[Config]:
        """Every config, each once; of a range without steps only the middle."""
        return self._configs_after({}, self.parents_first)

    def complete(self, given: Mapping[str, Any], rng: Uniform) -> Config:
        """``given`` with random values for the active parameters it leaves out.

        Raises SpaceError for an unknown or inactive parameter, for a value outside its domain,
        and if no config with these values keeps to the constraints.
        """
        given = {name: self._own(name, value) for name, value in given.items()}
        for name in given:
            for parent, wanted in (self[name].when or {}).items():
                if parent not in given or not meets(given[parent], wanted):
                    raise SpaceError(
                        f"{name!r} is given, which needs {parent!r} to be {in_words(wanted)}"
                    )
        if broken := self.constraints.broken(given):
            raise SpaceError(f"the config {given} breaks the constraint {broken.text!r}")

        def draw() -> Config:
            sampled = {name: domain.from_unit(rng.random()) for name, domain in self.items()}
            return self.build(lambda name, domain: given.get(name, sampled[name]))

        return self.constraints.sampled(draw, f" with {given}")

    def _configs_after(self, config: Config, names: Sequence[str]) -> Iterator[Config]:
        """The configs that go on from values of the parameters before ``names``."""
        if not self.allows(config):
            return
        if not names:
            yield {name: config[name] for name in self._domains if name in config}
            return
        name, rest = names[0], names[1:]
        if not self._is_active(name, config):
            yield from self._configs_after(config, rest)
            return
        for value in _values(self[name]):
            yield from self._configs_after({**config, name: value}, rest)

    def _own(self, name: str, value: Any) -> Any:
        """The value as the domain has it. Raises SpaceError if it has none like it."""
        if name not in self._domains:
            raise SpaceError(f"{name!r} is not in the space; it has {', '.join(self)}")
        if not self[name].contains(value):
            raise SpaceError(f"{name!r} is {value!r}; it can be {self[name]}")
        domain = self[name]
        return domain.value_at(domain.index(value)) if isinstance(domain, Choice) else plain(value)

    def _is_active(self, name: str, config: Mapping[str, Any]) -> bool:
        return all(
            parent in config and meets(config[parent], wanted)
            for parent, wanted in (self[name].when or {}).items()
        )

    def _check_conditions(self, name: str, domain: Domain) -> None:
        for parent, wanted in (domain.when or {}).items():
            if parent not in self._domains:
                others = ", ".join(other for other in self._domains if other != name)
                raise SpaceError(
                    f"{name!r} depends on {parent!r}, which is not in the space, or is not searched"
                    + (f"; it has {others}" if others else "")
                )
            check_condition(name, parent, self._domains[parent], wanted)

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


def split(values: Mapping[str, Any], constraints: Sequence[str] = ()) -> tuple[Space, Config]:
    """Domains and plain values, apart; derived values are left out. A plain value settles the
    conditions that name it: a parameter whose condition it meets is searched without it, any other
    is left out, and with it the constraints on it. Names of parameters in dicts are as in
    `nested.flat`."""
    values = flat(values)
    constants = {
        name: plain(v) for name, v in values.items() if not isinstance(v, (Domain, Derived))
    }
    domains = {name: v for name, v in values.items() if isinstance(v, Domain)}
    known = inner(constants)
    left_out: set[str] = set()
    for _ in domains:  # as deep as conditions can be nested
        left_out |= {
            name
            for name, domain in domains.items()
            for parent, wanted in (domain.when or {}).items()
            if parent in left_out or (parent in known and not meets(known[parent], wanted))
        }
    kept = {
        name: replace(domain, when={p: w for p, w in domain.when.items() if p not in known})
        if domain.when
        else domain
        for name, domain in domains.items()
        if name not in left_out
    }
    derived = {name for name, v in values.items() if isinstance(v, Derived)}
    for text in constraints:
        for name in derived.intersection(Constraint(text).names):
            raise SpaceError(
                f"the constraint {text!r} has {name!r}, which is Derived; searchers do not see "
                "derived values, so write there the expression that it is computed by"
            )
    able = [text for text in constraints if left_out.isdisjoint(Constraint(text).names)]
    return Space(kept, able, known), constants


def _values(domain: Domain) -> Iterable[Any]:
    if domain.size is None:
        return [domain.from_unit(0.5)]
    return map(domain.value_at, range(domain.size))
