"""The fleet as rows: worst first or grouped, filtered, with the sentence the action bar says of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mlcontrol.core.freshness import STALE_POLLS
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import Freshness, ServiceState, VersionFact, WayBack, WayBackState
from mlcontrol.gui.viewmodels.phrases import coarse_text, count_text, rate_text, version_text
from mlcontrol.gui.viewmodels.signal_cells import Cell, Now, signal_cell

RANK = {"critical": 0, "unknown": 1, "warning": 2, "stale": 3, "ok": 4}
CALM = RANK["ok"]
GROUPS = ("none", "team", "environment")
LABEL = "label:"
LONG_S = 60.0


@dataclass(frozen=True, slots=True)
class VersionCell:
    """``slot`` `None`: no swatch, as all three agree. ``odd``: differs from what is intended. ``more``: how many others."""

    version: str | None
    slot: int | None = None
    odd: bool = False
    more: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FleetRow:
    """A service, or a section header when ``section`` is set (then ``folded`` says whether its rows are hidden)."""

    id: str
    title: str = ""
    team: str = ""
    environment: str = ""
    cells: tuple[Cell, Cell, Cell] | None = None
    versions: tuple[VersionCell, VersionCell, VersionCell] | None = None
    age: str = "?"
    traffic_per_s: float | None = None
    last_change: str = ""
    way_back: str = ""
    way_tone: str = "secondary"
    rank: int = CALM
    section: str = ""
    section_state: str = ""
    folded: bool = False
    haystack: str = ""
    sort_title: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def member_of(self, group: str) -> str:
        """The section it belongs to under a grouping; empty: it has none."""
        if group.startswith(LABEL):
            return self.labels.get(group.removeprefix(LABEL), "")
        return {"team": self.team, "environment": self.environment}.get(group, "")


def groups_of(state: FleetState) -> tuple[str, ...]:
    """What can be grouped by: nothing, the team, the environment, and each label that some service carries."""
    labels = {name for settings in state.settings.services.values() for name in settings.labels}
    return (*GROUPS, *(LABEL + name for name in sorted(labels)))


def fleet_row(service: ServiceState, now: Now, labels: Mapping[str, str] | None = None) -> FleetRow:
    # Accuracy comes with the labels, not with the poll: its own freshness stands.
    cells = (
        signal_cell(service.presence, now),
        signal_cell(service.use, now),
        signal_cell(service.accuracy, now, every_s=60.0),
    )
    versions = _version_cells(service, cached=now.cached)
    words = [service.title, service.id, service.team, service.environment, service.model]
    words += [cell.text for cell in cells] + [cell.state for cell in cells]
    words += [version_text(v.version) for v in versions]
    words += [f"{name}={value}" for name, value in (labels or {}).items()]
    current = service.intended.single or service.used.single
    created = next((v.created_s for v in service.versions if v.version == current), None)
    way, tone = _way_back(service.way_back)
    return FleetRow(
        id=service.id,
        title=service.title or service.id,
        team=service.team,
        environment=service.environment,
        cells=cells,
        versions=versions,
        age=coarse_text(None if created is None else max(0.0, now.utc_s - created)),
        traffic_per_s=service.traffic_per_s,
        last_change=_last_change(service, now),
        way_back=way,
        way_tone=tone,
        rank=min(RANK[cell.state] for cell in cells),
        haystack=" ".join(words).casefold(),
        sort_title=(service.title or service.id).casefold(),
        labels=labels or {},
    )


def reads_the_same_s(service: ServiceState, now: Now) -> float:
    """For how many seconds at least the row reads as it does now, when nothing is heard meanwhile."""
    current = service.intended.single or service.used.single
    dates = [v.created_s for v in service.versions if v.version == current] + [service.last_change_s]
    least_s = min((_step_s(now.utc_s - at_s) for at_s in dates if at_s is not None), default=LONG_S)
    if now.cached:
        return least_s
    for signal, polled in ((service.presence, True), (service.use, True), (service.accuracy, False)):
        if signal.at is None:
            continue
        left_s = STALE_POLLS * now.poll_s - (now.mono_s - signal.at.mono_s) if polled else LONG_S
        # What is not fresh tells its age in seconds.
        least_s = min(least_s, left_s if signal.freshness is Freshness.FRESH and left_s > 0 else 1.0)
    return least_s


def _step_s(age_s: float) -> float:
    """How often a coarse age is looked at: seconds are counted, minutes roughly."""
    return 1.0 if age_s < 100 else 5.0 if age_s < 3600 else LONG_S


def _version_cells(service: ServiceState, *, cached: bool) -> tuple[VersionCell, VersionCell, VersionCell]:
    facts = (service.intended, service.served, service.used)
    intended = _name(service.intended)
    names = [_name(fact, intended) for fact in facts]
    agree = len(set(names)) == 1 and names[0] is not None
    baseline = names[2] or names[1] or names[0]
    cells = []
    for fact, name in zip(facts, names, strict=True):
        # A server may keep other versions loaded; it is odd only when the intended one is not among them.
        others = len(fact.versions) - 1 if len(fact.versions) > 1 else 0
        slot = None if agree or name is None else (0 if name == baseline else 1)
        odd = not cached and name is not None and intended is not None and name != intended
        said = (
            f"{fact.source}: {', '.join(map(version_text, fact.versions)) or 'none'}" if fact.at else "never answered"
        )
        cells.append(VersionCell(name, slot, odd, others, f"{said}\n{fact.detail}".strip()))
    first, second, third = cells
    return first, second, third


def _name(fact: VersionFact, wanted: str | None = None) -> str | None:
    """The version to print: the wanted one when it is among several."""
    if fact.freshness is Freshness.UNKNOWN or not fact.versions:
        return None
    return wanted if wanted in fact.versions else fact.versions[0]


def _last_change(service: ServiceState, now: Now) -> str:
    if service.last_change_s is None:
        return service.last_change or "none seen"
    return f"{service.last_change or 'change'} · {coarse_text(now.utc_s - service.last_change_s)} ago"


def _way_back(way: WayBack) -> tuple[str, str]:
    seconds = "" if way.seconds is None else f" · {coarse_text(way.seconds)}"
    match way.state:
        case WayBackState.HOT:
            return f"HOT{seconds}", "secondary"
        case WayBackState.WARM:
            return f"WARM{seconds}", "secondary"
        case WayBackState.ONE_WAY:
            return "ONE-WAY", "critical"
        case WayBackState.COLD:
            return f"COLD{seconds}", "warning"
        case WayBackState.BLOCKED:
            return "blocked", "critical"
        case WayBackState.NONE:
            return "none yet", "quiet"
    return "unknown", "unknown"


def compose(
    rows: Iterable[FleetRow], typed: str = "", group: str = "none", folded: frozenset[str] = frozenset()
) -> tuple[FleetRow, ...]:
    """Sections and their rows, worst first. Without grouping the calm rows follow under one line that can be folded."""
    words = typed.casefold().split()
    found = [row for row in rows if all(word in row.haystack for word in words)] if words else list(rows)
    found.sort(key=lambda row: (row.rank, row.sort_title, row.id))
    if group == "none":
        loud = [row for row in found if row.rank < CALM]
        calm = [row for row in found if row.rank == CALM]
        if not loud or not calm:
            return tuple(found)
        head = FleetRow(
            "section:calm",
            section=f"{count_text(len(calm), 'service')} as expected",
            section_state="ok",
            folded="calm" in folded,
        )
        return (*loud, head, *(() if head.folded else calm))
    sections: dict[str, list[FleetRow]] = {}
    for row in found:
        sections.setdefault(row.member_of(group), []).append(row)
    out: list[FleetRow] = []
    for name, members in sorted(sections.items(), key=lambda item: (min(r.rank for r in item[1]), item[0])):
        state = next(s for s, rank in RANK.items() if rank == min(r.rank for r in members))
        hidden = name in folded
        text = f"{name or 'without ' + group.removeprefix(LABEL)} · {count_text(len(members), 'service')}"
        out.append(FleetRow(f"section:{name}", section=text, section_state=state, folded=hidden))
        if not hidden:
            out += members
    return tuple(out)


def counts(rows: Iterable[FleetRow]) -> dict[str, int]:
    """Rows by their worst cell."""
    by_rank = Counter(row.rank for row in rows)
    return {state: by_rank[rank] for state, rank in RANK.items()}


def sentence(row: FleetRow) -> tuple[str, str]:
    """What is wrong with a service, worst first, in one line; and its tone."""
    if row.cells is None:
        return "", "secondary"
    names = ("Presence", "Use", "Accuracy")
    worst_state = next(s for s, rank in RANK.items() if rank == row.rank)
    if row.rank == CALM:
        traffic = "no traffic figure" if row.traffic_per_s is None else f"{rate_text(row.traffic_per_s)} answered"
        return f"As expected: {row.cells[0].text}, {traffic}, {row.cells[2].text}.", "secondary"
    name, cell = next((n, c) for n, c in zip(names, row.cells, strict=True) if c.state == worst_state)
    text = cell.detail or f"{name}: {cell.text}"
    return text, worst_state if worst_state in ("critical", "warning", "unknown") else "secondary"
