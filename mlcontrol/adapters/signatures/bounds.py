"""Limits every reader of a foreign file keeps, and the one error it raises."""

from __future__ import annotations

import json
import re
from typing import Any

from mlcontrol.core.problem import Problem, ProblemError

MAX_TEXT = 4_000_000
MAX_DEPTH = 64
MAX_FIELDS = 20_000
_BRACKET = re.compile(r"[\[\]{}]")


class Unreadable(ProblemError):  # noqa: N818 - read as "except Unreadable"
    """The file is no signature we can read; the problem says why and how to get one."""

    def __init__(
        self, what: str, why: str = "", then: str = "Check that the file is whole and of the kind named."
    ) -> None:
        super().__init__(Problem(what=what[:500], why=why[:500], next=then, code="unreadable"))

    @classmethod
    def of(cls, problem: Problem) -> Unreadable:
        """As another process found it, with its own code; "unknown": it did not come to an end with it."""
        made = cls(problem.what)
        made.problem = problem
        return made


class Budget:
    """How many parts of one file may still be looked at; a hostile one runs out."""

    def __init__(self, parts: int = 400_000) -> None:
        self.left = parts

    def spend(self, parts: int = 1) -> None:
        self.left -= parts
        if self.left < 0:
            raise Unreadable("The file has more fields than any honest model.")


def bounded(text: str, kind: str, limit: int = MAX_TEXT) -> str:
    """The text, or `Unreadable` when it is larger than any honest file of that kind."""
    if len(text) > limit:
        raise Unreadable(f"This {kind} is too large: {len(text):,} characters, at most {limit:,} are read.")
    return text


def parse_json(text: str, kind: str) -> Any:
    """JSON within the limits; depth and number overflows are `Unreadable`, not a crash."""
    bounded(text, kind)
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > MAX_DEPTH * 4:  # brackets inside strings count too, so the limit is generous
            raise Unreadable(f"This {kind} is nested more than {MAX_DEPTH * 4} deep.")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"This {kind} is not valid JSON.", str(error)) from error


def mapping(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable(f"{where} should be a mapping, not {type(value).__name__}.")
    return value


def items(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable(f"{where} should be a list, not {type(value).__name__}.")
    if len(value) > MAX_FIELDS:
        raise Unreadable(f"{where} has {len(value):,} entries, at most {MAX_FIELDS:,} are read.")
    return value


def dimensions(value: object, where: str) -> tuple[int, ...]:
    """A shape: whole numbers, -1 for a free dimension; protocols that write them as text are read too."""
    result = []
    for entry in items(value, where):
        if isinstance(entry, bool) or not isinstance(entry, int | str):
            raise Unreadable(f"{where} holds {entry!r}, which is no dimension.")
        try:
            number = int(entry)
        except ValueError as error:
            raise Unreadable(f"{where} holds {entry!r:.60}, which is no dimension.") from error
        if number >= 2**63:
            raise Unreadable(f"{where} holds a size that no tensor has.")
        result.append(number if number >= 0 else -1)
    return tuple(result)


def text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def size_or_none(value: object) -> int | None:
    """A number of bytes that a file can have, else `None`."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def default_or_none(value: object) -> str | float | bool | None:
    """A default as it is compared: lists and objects as their JSON text."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, sort_keys=True, default=str)[:10_000]


def number_or_none(value: object) -> float | None:
    """A finite number, else `None`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if number - number == 0 else None
