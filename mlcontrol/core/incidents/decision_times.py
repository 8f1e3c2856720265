"""How long each decision of an incident took: noticed, opened, suspected, acted, recovered; and the wrong turns on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlcontrol.core.incidents.incident import Entry, EntryKind, Incident
from mlcontrol.core.operation import Operation, OperationKind, Phase


@dataclass(frozen=True, slots=True)
class DecisionTimes:
    """UTC seconds; `None`: it did not happen, or nothing recorded it. ``wrong_turns``: in words. ``proven``: whether recovery was,
    and not only said."""

    began_s: float
    noticed_s: float
    opened_s: float | None
    suspected_s: float | None
    acted_s: float | None
    recovered_s: float | None
    wrong_turns: tuple[str, ...] = ()
    proven: bool = True

    @property
    def steps(self) -> tuple[tuple[str, float | None, float | None], ...]:
        """(name, seconds since it began, seconds since the step before that happened); no seconds where a clock that was set back
        dates it before the beginning."""
        named = (
            ("noticed", self.noticed_s),
            ("opened", self.opened_s),
            ("suspect named", self.suspected_s),
            ("acted", self.acted_s),
            ("recovery proven" if self.proven else "said to be over", self.recovered_s),
        )
        found: list[tuple[str, float | None, float | None]] = []
        last = self.began_s
        for name, at_s in named:
            if at_s is None or at_s < self.began_s:
                found.append((name, None, None))
                continue
            found.append((name, at_s - self.began_s, max(0.0, at_s - last)))
            last = max(last, at_s)
        return tuple(found)


def decision_times(incident: Incident, operations: Iterable[Operation], began_s: float | None) -> DecisionTimes:
    """``began_s``: the change point, where one was found; else it counts from when it was noticed."""
    began = min(incident.detected_s, began_s) if began_s is not None else incident.detected_s
    end_s = incident.resolved_s if incident.resolved_s is not None else float("inf")
    ran = sorted((o for o in operations if began <= o.started_s <= end_s), key=lambda o: o.started_s)
    looked = (OperationKind.PROBE, OperationKind.BISECT)  # who looks closer has not acted yet
    ours = [o for o in ran if o.service == incident.service and o.kind not in looked]
    good = [o for o in ours if o.kind is OperationKind.ROLLBACK and o.phase is Phase.DONE]
    said = [e.at_s for e in incident.entries if e.kind is EntryKind.RECOVERY_CHECKED]
    # Where nothing was to be rolled back, who saw that has decided.
    acted = good[-1].started_s if good else ours[0].started_s if ours else said[-1] if said else None
    thought = (EntryKind.SUSPECT, EntryKind.HYPOTHESIS, EntryKind.DECISION)
    suspected = next((e.at_s for e in incident.entries if e.kind in thought), None)
    if suspected is None or (acted is not None and suspected > acted):
        suspected = acted  # who acts has decided
    last_try = _since_reopened(incident.entries)
    verified = next((e.at_s for e in last_try if e.kind is EntryKind.VERIFIED), None)
    word = next((e.at_s for e in last_try if e.kind is EntryKind.MITIGATED), None)
    return DecisionTimes(
        began,
        incident.detected_s,
        incident.declared_s,
        suspected,
        acted,
        word if verified is None else verified,
        _wrong_turns(incident, ran),
        proven=verified is not None or word is None,
    )


def _since_reopened(entries: Sequence[Entry]) -> Sequence[Entry]:
    """What was proven before somebody reopened it was no recovery."""
    reopened = [i for i, entry in enumerate(entries) if entry.kind is EntryKind.REOPENED]
    return entries[reopened[-1] + 1 :] if reopened else entries


def _wrong_turns(incident: Incident, ran: list[Operation]) -> tuple[str, ...]:
    found = []
    for one in ran:
        what = f"{one.kind.value} of {one.service} to v{one.to_version}"
        if one.service != incident.service:
            found.append(f"{what}: another service than the one that was hurt")
        elif one.kind is OperationKind.DEPLOY:
            found.append(f"{what}: a deploy during the incident ({one.phase.value})")
        elif one.kind is OperationKind.ROLLBACK and one.phase.ended and one.phase is not Phase.DONE:
            found.append(f"{what}: ended as {one.phase.value}")
    done = [
        o for o in ran if o.service == incident.service and o.kind is OperationKind.ROLLBACK and o.phase is Phase.DONE
    ]
    found += [f"rollback to v{one.to_version}: did not help, another followed" for one in done[:-1]]
    if any(e.kind is EntryKind.REOPENED for e in incident.entries):
        found.append("closed too early: it was reopened")
    return tuple(found)
