"""What goes with a version: threshold, transform, the server's binary. Each moves in the same operation, in a safe order. Pure.

The registry's word on a version says which value of each part belongs to it, by the tag ``coupled.NAME``. A part behind an alias
of the registry is moved by the panel, right beside the traffic. A binary is replaced by hand: the operation shows the command, and
goes on when the endpoints say that they run it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mlcontrol.core.operation import OperationKind
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.rollout import Coupled
from mlcontrol.core.settings import ServiceSettings

TAG = "coupled."
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


class PartKind(StrEnum):
    ALIAS = "alias"
    BINARY = "binary"


_VALUE = {PartKind.ALIAS: re.compile(r"[0-9]{1,9}"), PartKind.BINARY: re.compile(r"[\w .+-]{1,60}", re.ASCII)}
"""A tag is a stranger's word: of an alias a version number, of a binary a plain name, nothing else."""


class Order(StrEnum):
    """Of a binary and the model; which mixture of old and new is met on the way."""

    MODEL_FIRST = "model-first"
    BINARY_FIRST = "binary-first"


@dataclass(frozen=True, slots=True)
class Part:
    """``registry``, ``model``, ``alias``: where an alias points. ``command``: how a binary is replaced, for a person; "{to}" stands
    for the one that is wanted. ``order``: `None` = the newer side is reached by the binary first, left by the model first."""

    name: str
    kind: PartKind
    registry: str = ""
    model: str = ""
    alias: str = ""
    command: str = ""
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """``before``: as it was observed, `None` where there was nothing; ``to``: what belongs to the version that takes over."""

    part: Part
    before: str | None
    to: str

    @property
    def command(self) -> str:
        return self.part.command.replace("{to}", self.to)

    def words(self) -> str:
        old = "nothing" if self.before is None else self.before
        if self.part.kind is PartKind.BINARY:
            by_hand = f"by hand: {self.command}; " if self.command else "by hand; "
            return f"{by_hand}goes on when every endpoint says {self.to} instead of {old}"
        return f"{self.part.alias} of {self.part.model} from {old} to {self.to}, right beside the traffic"


def parts_of(service: ServiceSettings) -> tuple[Part, ...]:
    """As ``[services.NAME.coupled.PART]`` describes them. Raises `ProblemError` (code "usage") naming what cannot be."""
    return tuple(_part(service, name, table) for name, table in service.coupled.items())


def _part(service: ServiceSettings, name: str, table: Mapping[str, str]) -> Part:
    known = {"kind", "registry", "model", "alias", "command", "order"}
    if not _NAME.fullmatch(name):
        raise _bad(name, "a part's name is made of small letters, digits and underscores")
    if strange := sorted(set(table) - known):
        raise _bad(name, f"it does not know {', '.join(strange)}")
    try:
        kind = PartKind(table.get("kind", PartKind.ALIAS.value))
        order = Order(table["order"]) if "order" in table else None
    except ValueError as error:
        raise _bad(name, f"{error}") from None
    part = Part(
        name,
        kind,
        table.get("registry", service.registry),
        table.get("model", ""),
        table.get("alias", service.alias),
        table.get("command", ""),
        order,
    )
    if kind is PartKind.ALIAS and (not part.registry or not part.model or not part.alias):
        raise _bad(name, "an alias needs a registry, a model and an alias")
    return part


def belonging(part: Part, tags: Mapping[str, str]) -> str | None:
    """What of this part belongs to a version with these tags; `None` where nobody wrote it down."""
    wanted = tags.get(f"{TAG}{part.name}", "").strip()
    return wanted if _VALUE[part.kind].fullmatch(wanted) else None


def moves(
    parts: tuple[Part, ...], tags: Mapping[str, str], now: Mapping[str, str | None]
) -> tuple[tuple[Move, ...], tuple[str, ...]]:
    """What must move with the version that has these ``tags``, and what of it is not known, as sentences. ``now``: observed."""
    found: list[Move] = []
    unknown: list[str] = []
    for part in parts:
        wanted = belonging(part, tags)
        if wanted is None:
            unknown.append(
                f"Which {part.name} belongs to it is not known. To fix: tag the version {TAG}{part.name} in the registry."
            )
        elif now.get(part.name) != wanted:
            found.append(Move(part, now.get(part.name), wanted))
    return tuple(found), tuple(unknown)


def order_of(kind: OperationKind, wanted: tuple[Move, ...]) -> Coupled:
    """Where in the operation each part moves.

    A newer binary reads older models more often than the other way round: a deploy replaces it first, a rollback last, unless the
    part's own ``order`` says otherwise.
    """
    usual = Order.MODEL_FIRST if kind is OperationKind.ROLLBACK else Order.BINARY_FIRST
    binaries = [m.part for m in wanted if m.part.kind is PartKind.BINARY]
    before = tuple(part.name for part in binaries if (part.order or usual) is Order.BINARY_FIRST)
    after = tuple(part.name for part in binaries if part.name not in before)
    return Coupled(before, tuple(m.part.name for m in wanted if m.part.kind is PartKind.ALIAS), after)


def _bad(name: str, why: str) -> ProblemError:
    return ProblemError(
        Problem(f"The coupled part {name!r} cannot be used.", f"{why[:1].upper()}{why[1:]}.", "Mend it.", "usage")
    )
