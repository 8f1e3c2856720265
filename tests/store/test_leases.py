"""Leases, on SQLite and on a real PostgreSQL: given whole, fenced, taken over only from the dead and the silent."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from mlcontrol.core.lease import LEASE_S, Lease, LeaseLostError, LeaseTakenError
from mlcontrol.store import holders
from mlcontrol.store.store import Store
from mlcontrol.store.tables.leases import leases

TARGETS = ("alias a", "route r")


def acquire(store: Store, operation: str, actor: str = "ann", targets: tuple[str, ...] = TARGETS) -> Lease:
    return store.leases.acquire(targets, "digits", operation, actor, "deploy of v3")


def lapse(store: Store) -> None:
    """As if `LEASE_S` had passed without a word of the holder."""
    with store._database.write() as connection:
        connection.execute(leases.update().values(expires=leases.c.expires - 2 * LEASE_S))


def test_one_holds_and_the_other_is_told_who_and_since_when(open_store: Callable[[], Store]) -> None:
    ann, bob = open_store(), open_store()
    lease = acquire(ann, "op-1")
    with pytest.raises(LeaseTakenError) as told:
        acquire(bob, "op-2", "bob")
    assert "ann started a deploy of v3" in told.value.problem.why
    assert "UTC" in told.value.problem.why
    assert told.value.problem.code == "conflict"
    assert told.value.holder.operation == "op-1"
    ann.leases.release(lease)
    assert bob.leases.holder(TARGETS) is None
    acquire(bob, "op-2", "bob")


def test_all_targets_or_none(open_store: Callable[[], Store]) -> None:
    ann, bob = open_store(), open_store()
    acquire(ann, "op-1", targets=("b",))
    with pytest.raises(LeaseTakenError):
        acquire(bob, "op-2", targets=("a", "b", "c"))
    assert bob.leases.holder(("a", "c")) is None


def test_the_fence_grows_each_time_a_target_changes_hands(store: Store) -> None:
    fences = []
    for n in range(3):
        lease = acquire(store, f"op-{n}")
        fences.append(dict(lease.fences)["route r"])
        store.leases.release(lease)
    assert fences == sorted(set(fences))


def test_a_silent_holder_loses_it_and_is_refused_when_it_wakes(open_store: Callable[[], Store]) -> None:
    ann, bob = open_store(), open_store()
    slept = acquire(ann, "op-1")
    lapse(ann)
    taken = acquire(bob, "op-2", "bob")
    assert taken.abandoned == ("op-1",)
    for write in (ann.leases.check, ann.leases.renew):
        with pytest.raises(LeaseLostError) as told:
            write(slept)
        assert "bob took digits over" in told.value.problem.why
    ann.leases.release(slept)
    assert bob.leases.check(taken) == ""
    holder = bob.leases.holder(TARGETS)
    assert holder is not None
    assert holder.operation == "op-2"


def test_a_lapsed_lease_that_nobody_wanted_is_still_good(store: Store) -> None:
    lease = acquire(store, "op-1")
    lapse(store)
    store.leases.check(lease)
    assert store.leases.holder(TARGETS) is not None


def test_a_lease_in_use_does_not_lapse(store: Store) -> None:
    lease = acquire(store, "op-1")
    with store._database.write() as connection:
        connection.execute(leases.update().values(expires=leases.c.expires - 0.6 * LEASE_S))
    store.leases.check(lease)
    with store._database.read() as connection:
        left = connection.execute(sa.select(leases.c.expires - leases.c.given)).scalars().all()
    assert min(left) > 0.9 * LEASE_S


def test_a_holder_that_is_gone_need_not_be_waited_for(open_store: Callable[[], Store]) -> None:
    ann, bob = open_store(), open_store()
    acquire(ann, "op-1")
    ann.close()
    assert acquire(bob, "op-2", "bob").abandoned == ("op-1",)


def test_the_same_operation_may_take_it_again(store: Store) -> None:
    first = acquire(store, "op-1")
    second = acquire(store, "op-1")
    with pytest.raises(LeaseLostError):
        store.leases.check(first)
    assert second.abandoned == ()


def test_the_holder_hears_who_asks_for_it(open_store: Callable[[], Store]) -> None:
    ann, bob = open_store(), open_store()
    lease = acquire(ann, "op-1")
    assert ann.leases.check(lease) == ""
    bob.leases.ask_for(TARGETS, "bob")
    assert ann.leases.check(lease) == "bob"


def test_many_at_once_and_one_gets_it(open_store: Callable[[], Store]) -> None:
    stores = [open_store() for _ in range(6)]
    got: list[str] = []
    start = threading.Barrier(len(stores))

    def reach(number: int) -> None:
        start.wait()
        try:
            acquire(stores[number], f"op-{number}")
        except LeaseTakenError:
            return
        got.append(f"op-{number}")

    threads = [threading.Thread(target=reach, args=(n,)) for n in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


def test_only_what_is_certain_is_called_dead() -> None:
    me = holders.new_holder()
    host, where, pid, started, nonce = me.split("|")
    assert not holders.is_dead(me)
    assert holders.is_dead("|".join((host, where, pid, "12", nonce))), "another process with this number"
    assert not holders.is_dead("|".join((host, "another boot", pid, started, "x"))), "nobody can tell"
    assert not holders.is_dead("|".join(("elsewhere", where, pid, started, "x"))), "nobody can tell"
    holders.end_holder(me)
    assert holders.is_dead(me)


def test_a_process_that_ended_is_dead(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        (tmp_path / "name").write_text(holders.new_holder())
        os._exit(0)
    os.waitpid(child, 0)
    assert holders.is_dead((tmp_path / "name").read_text())
