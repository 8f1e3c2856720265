"""Which adapters are installed, and whether they can work here; an adapter that cannot is a fact, never a crash."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from mlcontrol.adapters.plain_text import plain
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.connection import Adapter, Viability


@dataclass(frozen=True, slots=True)
class Found:
    """One installed adapter. ``package``: the distribution that brings it; ``adapter`` is `None` when it cannot be imported."""

    kind: ConnectionKind
    name: str
    package: str
    viability: Viability
    adapter: type[Adapter] | None = None


def installed(kind: ConnectionKind, points: Iterable[EntryPoint] | None = None) -> tuple[Found, ...]:
    """All adapters of a kind by name. ``points``: instead of the entry points of this environment."""
    group = entry_points(group=f"mlcontrol.{kind.value}") if points is None else points
    return tuple(_look(kind, point) for point in sorted(group, key=lambda point: point.name))


def adapter_class(kind: ConnectionKind, name: str, points: Iterable[EntryPoint] | None = None) -> type[Adapter]:
    """The adapter to make. Raises `ProblemError` (code "not-viable") saying what is there instead, or why it cannot work."""
    group = tuple(entry_points(group=f"mlcontrol.{kind.value}") if points is None else points)
    point = next((point for point in group if point.name == name), None)
    if point is None:
        raise ProblemError(
            Problem(
                what=f"There is no {kind.value} adapter '{plain(name, 60)}'.",
                why=f"Installed are: {', '.join(sorted(point.name for point in group)) or 'none'}.",
                next="Choose one of them, or install the package that brings it.",
                code="not-viable",
            )
        )
    found = _look(kind, point)
    if found.adapter is None or not found.viability.viable:
        raise ProblemError(
            Problem(
                what=f"The {kind.value} adapter '{name}' cannot work here.",
                why=f"{found.viability.why}.",
                next=f"Install what it needs, or reinstall {found.package or 'the package that brings it'}.",
                code="not-viable",
            )
        )
    return found.adapter


def _look(kind: ConnectionKind, point: EntryPoint) -> Found:
    package = point.dist.name if point.dist is not None else ""
    try:
        adapter = point.load()
        viability = adapter.viability()
        if not isinstance(viability, Viability):
            raise TypeError("its viability() does not return a Viability")
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything at import; it is reported, not hidden
        return Found(kind, point.name, package, Viability(False, plain(f"{type(error).__name__}: {error}")))
    return Found(kind, point.name, package, viability, adapter)
