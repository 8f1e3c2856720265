"""A slow shell loses batches, never its answers, and gets a snapshot."""

from __future__ import annotations

from mlcontrol.engine.outbox import Outbox


def snapshot(box: Outbox) -> None:
    box.restart([b"snapshot"])


def test_frames_come_in_order() -> None:
    box = Outbox()
    box.put([b"1", b"2"])
    box.put([b"3"], answer=True)
    assert box.take(snapshot) == [b"1", b"2", b"3"]


def test_overflow_drops_batches_keeps_answers_and_starts_anew_with_a_snapshot() -> None:
    box = Outbox(limit=8)
    box.put([b"1", b"2"])
    box.put([b"answer"], answer=True)
    box.put([b"3", b"4"])
    box.put([b"5"])  # missed: the snapshot will hold it
    assert box.take(snapshot) == [b"snapshot", b"answer"]
    box.put([b"6"])
    assert box.take(snapshot) == [b"6"]


def test_a_poll_of_thousands_of_services_is_no_slow_reader() -> None:
    box = Outbox()
    box.put([b"s" * 2300] * 5000)
    assert len(box.take(snapshot) or []) == 5000
    for _ in range(20):  # nobody reads
        box.put([b"s" * 2300] * 5000)
    assert box.take(snapshot) == [b"snapshot"]


def test_closed_is_the_end() -> None:
    box = Outbox()
    box.put([b"1"])
    box.close()
    box.put([b"2"])
    assert box.take(snapshot) is None
