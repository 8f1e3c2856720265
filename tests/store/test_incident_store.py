"""Entries of incidents on both stores: each place is taken once, whoever else writes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mlcontrol.core.incidents.incident import EntryKind, IncidentPhase
from mlcontrol.store.store import Store

FIRST = {"service": "digits", "number": "1", "detected_s": "5.0"}


def test_entries_come_back_as_the_incident_they_are(open_store: Callable[[], Store]) -> None:
    store = open_store()
    assert store.incidents.get("incident-1") is None
    assert store.incidents.append("incident-1", 1, 10.0, "ann", EntryKind.DECLARED, "errors ä\u202e", FIRST)
    assert store.incidents.append("incident-1", 2, 11.0, "bob", EntryKind.NOTE, "hm", {})
    found = open_store().incidents.get("incident-1")
    assert found is not None
    assert (found.title, found.phase, found.people) == ("errors ä\u202e", IncidentPhase.DECLARED, ("ann", "bob"))
    assert store.incidents.all() == (found,)


def test_a_place_is_taken_once_and_none_is_left_out(open_store: Callable[[], Store]) -> None:
    stores = [open_store(), open_store()]
    assert stores[0].incidents.append("incident-1", 1, 10.0, "ann", EntryKind.DECLARED, "x", FIRST)
    assert not stores[1].incidents.append("incident-1", 1, 10.0, "bob", EntryKind.DECLARED, "y", FIRST)
    assert not stores[1].incidents.append("incident-1", 3, 10.0, "bob", EntryKind.NOTE, "a hole", {})
    gate, taken = threading.Barrier(2), []

    def write(store: Store, who: str) -> None:
        gate.wait()
        for seq in range(2, 12):
            if store.incidents.append("incident-1", seq, 20.0, who, EntryKind.NOTE, who, {}):
                taken.append(seq)

    threads = [threading.Thread(target=write, args=pair) for pair in zip(stores, ("ann", "bob"), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken))
    found = stores[0].incidents.get("incident-1")
    assert found is not None
    assert [entry.seq for entry in found.entries] == list(range(1, found.seq + 1))
