"""Constraints between parameters: ``"low < high"``, ``"layers * width <= 4096"``.

A constraint is an expression of Python with comparisons, arithmetic, ``and``, ``or``, ``not``,
names, numbers and texts. It is read with `ast` and never executed as code.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from tune_jobs.search_algos.domains.values import SpaceError

_Value = Callable[[Mapping[str, Any]], Any]

_ALLOWED = (
    "a constraint compares with < <= == != > >=, computes with + - * / // % **, joins with "
    "and, or, not, and has names of the space, numbers and texts"
)
_ARITHMETIC: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,  # which ends at once, however large the numbers are
}
_COMPARISONS: dict[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_DRAWS = 10_000
_LONGEST = 1000  # characters; Python's parser has a limit on depth


class Constraint:
    """An expression that is true for the configs that may be tried.

    Attributes:
        text: as declared.
        names: of the parameters and plain values in it, in order.

    Raises SpaceError for anything else than such an expression.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if not isinstance(text, str) or len(text) > _LONGEST:
            raise SpaceError(f"the constraint {str(text)[:60]!r} is not a short text; {_ALLOWED}")
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            problem = error.msg if isinstance(error, SyntaxError) else error
            raise SpaceError(
                f"the constraint {text!r} cannot be read: {problem}; {_ALLOWED}"
            ) from None
        self.names = tuple(dict.fromkeys(self._names(tree)))
        self._value = self._meaning(tree)
        if not isinstance(tree, ast.Compare | ast.BoolOp | ast.Name | ast.Attribute) and not (
            isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)
        ):
            raise SpaceError(f"the constraint {text!r} is neither true nor false; {_ALLOWED}")

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type[Constraint], tuple[str]]:
        return Constraint, (self.text,)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the values keep to it; also if one of its names has no value.

        Raises SpaceError if such values cannot be compared, as a text with a number.
        """
        if any(name not in values for name in self.names):
            return True
        try:
            return bool(self._value(values))
        except (ArithmeticError, ValueError):  # such as a division by zero
            return False
        except TypeError as error:
            given = ", ".join(f"{name} = {values[name]!r}" for name in self.names)
            raise SpaceError(
                f"the constraint {self.text!r} cannot be computed for {given}: {error}"
            ) from None

    def _names(self, tree: ast.AST) -> Iterator[str]:
        if isinstance(tree, ast.Name | ast.Attribute):
            yield self._name(tree)
        else:
            for part in ast.iter_child_nodes(tree):
                yield from self._names(part)

    def _name(self, tree: ast.AST) -> str:
        match tree:
            case ast.Name():
                return tree.id
            case ast.Attribute():
                return f"{self._name(tree.value)}.{tree.attr}"
        raise self._not_allowed(tree)

    def _meaning(self, tree: ast.expr) -> _Value:
        match tree:
            case ast.Name() | ast.Attribute():
                name = self._name(tree)
                return lambda values: values[name]
            case ast.Constant(value=constant) if _is_allowed(constant):
                return lambda values: constant
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _computed(_ARITHMETIC[type(op)], self._meaning(left), self._meaning(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _computed(operator.sub, lambda values: 0, self._meaning(operand))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self._meaning(operand)
                return lambda values: not inner(values)
            case ast.BoolOp(op=op, values=parts):
                meanings = [self._meaning(part) for part in parts]
                joined = all if isinstance(op, ast.And) else any
                return lambda values: joined(meaning(values) for meaning in meanings)
            case ast.Compare(left=left, ops=ops, comparators=others) if all(
                type(op) in _COMPARISONS for op in ops
            ):
                terms = [self._meaning(term) for term in (left, *others)]
                return _compared([_COMPARISONS[type(op)] for op in ops], terms)
        raise self._not_allowed(tree)

    def _not_allowed(self, tree: ast.AST) -> SpaceError:
        part = ast.unparse(tree)
        return SpaceError(f"the constraint {self.text!r} has {part!r}; {_ALLOWED}")


class Constraints:
    """All constraints of a space; false if there are none.

    Args:
        known: the values of names that are not searched.
        domains: the names that are searched.

    Raises SpaceError for a name that is in neither, and for a constraint that is false whatever
    is searched.
    """

    def __init__(
        self, texts: Sequence[str], known: Mapping[str, Any], domains: Collection[str]
    ) -> None:
        self._all = [Constraint(text) for text in texts]
        self._known = dict(known)
        names = [*domains, *known]
        for constraint in self._all:
            for name in constraint.names:
                if name not in names:
                    raise SpaceError(
                        f"the constraint {constraint.text!r} has {name!r}, which is not in the "
                        f"space; it has {', '.join(names)}"
                    )
        if broken := self.broken({}):
            raise SpaceError(f"the constraint {broken.text!r} is false for every config")

    def __iter__(self) -> Iterator[Constraint]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def broken(self, config: Mapping[str, Any]) -> Constraint | None:
        """The first constraint that the config breaks, as far as it has values."""
        if not self:
            return None
        values = {**self._known, **config}
        return next((constraint for constraint in self if not constraint.holds(values)), None)

    def first_allowed(
        self, draw: Callable[[], dict[str, Any]], draws: int
    ) -> dict[str, Any] | None:
        """The first drawn config that keeps to the constraints; None if none of so many does."""
        drawn = (draw() for _ in range(draws))
        return next((config for config in drawn if self.broken(config) is None), None)

    def sampled(self, draw: Callable[[], dict[str, Any]], among: str = "") -> dict[str, Any]:
        """The first drawn config that keeps to the constraints.

        Raises SpaceError if hardly any does; ``among`` says of which configs.
        """
        config = self.first_allowed(draw, _DRAWS)
        if config is None:
            raise SpaceError(
                f"the constraints {', '.join(repr(each.text) for each in self)} leave (almost) "
                f"nothing: of {_DRAWS:,} random configs{among}, none keeps to them; give weaker "
                "constraints, or ranges in which more configs do"
            )
        return config


def _is_allowed(constant: object) -> bool:
    return constant is None or isinstance(constant, bool | int | float | str)


def _computed(operation: Callable[[Any, Any], Any], left: _Value, right: _Value) -> _Value:
    def value(values: Mapping[str, Any]) -> Any:
        numbers = left(values), right(values)
        for number in numbers:
            if not isinstance(number, int | float):
                raise TypeError(f"{number!r} is not a number")
        return operation(*numbers)

    return value


def _compared(operations: list[Callable[[Any, Any], bool]], terms: list[_Value]) -> _Value:
    def value(values: Mapping[str, Any]) -> bool:
        found = [term(values) for term in terms]
        return all(
            operation(found[place], found[place + 1]) for place, operation in enumerate(operations)
        )

    return value
