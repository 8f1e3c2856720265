"""An evaluator on a train: the team's PostgreSQL comes and goes, judgements stay and arrive once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.problem import Problem
from mlcontrol.core.review.campaign import Campaign
from mlcontrol.core.review.judging import Judgement, JudgementVerdict, ReviewItem
from mlcontrol.ports.clock import SystemClock
from mlcontrol.services.reviews.kit import ReviewKit
from mlcontrol.store.database import Database, StoreError, open_database
from mlcontrol.store.reviews.reviews import Reviews
from tests.store.conftest import PostgresServer, postgres

__all__ = ["postgres"]

pytestmark = pytest.mark.real
CAMPAIGN = Campaign("c", "digits", "Digits", created_s=1.0)


def item(number: int) -> ReviewItem:
    return ReviewItem(f"i{number:02}", "digits", f"r{number}", 0.0, "{}", "{}", {}, "3", campaign="c")


def said(item_id: str, rater: str, name: str = "") -> Judgement:
    verdict = JudgementVerdict.RIGHT
    return Judgement(
        name or f"j-{item_id}-{rater}", item_id, "digits", "3", rater, verdict, 1.0, campaign="c", label="right"
    )


class Network:
    """The way to the team's store, that a test can cut."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder, self.up = url, folder, True
        self.opened: list[Database] = []

    def open(self) -> Reviews:
        if not self.up:
            raise StoreError(Problem("The store did not take part.", "no route to host", code="store"))
        self.opened.append(open_database(self.url, self.folder))
        return Reviews(self.opened[-1])

    def cut(self, kit: ReviewKit) -> None:
        self.up = False
        with kit._lock:
            kit._team = None

    def mend(self, kit: ReviewKit) -> None:
        self.up = True
        kit._next_try_mono_s = 0.0


@pytest.fixture
def world(postgres: PostgresServer, tmp_path: Path) -> Iterator[Any]:
    url = postgres.new_database()
    network = Network(url, tmp_path)
    team_database = open_database(url, tmp_path)
    team = Reviews(team_database)
    team.campaigns.put(CAMPAIGN)
    team.campaigns.add_items(CAMPAIGN, [item(n) for n in range(8)])
    databases = [team_database]

    def kit(name: str) -> ReviewKit:
        databases.append(open_database(f"sqlite:///{name}.db", tmp_path))
        return ReviewKit(Reviews(databases[-1]), network.open, SystemClock())

    yield network, team, kit
    for database in [*databases, *network.opened]:
        database.close()


def until(look: Callable[[], object], within_s: float = 20.0) -> None:
    give_up = time.monotonic() + within_s
    while not look():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_work_goes_on_without_the_team_and_arrives_once(world: Any) -> None:
    network, team, make = world
    kit = make("ann")
    assert kit.take_along("c", "ann", 5)
    network.cut(kit)
    for _ in range(5):
        found = kit.next_item("c", "ann", ())
        assert found is not None
        kit.local.said.judge(said(found.id, "ann"), sent=False)
    assert kit.next_item("c", "ann", ()) is None
    assert kit.offline
    assert kit.send() == 0
    assert len(kit.local.said.unsent()) == 5
    undone = kit.local.said.withdraw_last("c", "ann", 1.0, 60.0, sent=False)
    assert undone is not None
    network.mend(kit)
    assert kit.send() == 5
    assert kit.send() == 0
    assert kit.offline == ""
    stored = team.said.of_campaign("c")
    assert len([one for one in stored if not one.withdrawn]) == 4
    assert len({one.id for one in stored}) == len(stored)


def test_what_was_sent_and_taken_back_offline_is_withdrawn_at_the_team(world: Any) -> None:
    network, team, make = world
    kit = make("ann")
    kit.take_along("c", "ann", 1)
    kit.local.said.judge(said("i00", "ann"), sent=False)
    assert kit.send() == 1
    network.cut(kit)
    kit.local.said.withdraw_last("c", "ann", 1.0, 60.0, sent=False)
    network.mend(kit)
    assert kit.send() == 1
    assert [one.withdrawn for one in team.said.of_campaign("c")] == [True]


def test_whoever_comes_second_is_told_and_kept_beside(world: Any) -> None:
    network, team, make = world
    ann = make("ann")
    ann.take_along("c", "ann", 1)
    network.cut(ann)
    assert team.claims.claim("c", "bob", time.time() + 2 * 3600, 600.0).id == "i00"  # ann's lease has lapsed meanwhile
    team.said.judge(said("i00", "bob"))
    ann.local.said.judge(said("i00", "ann"), sent=False)
    network.mend(ann)
    ann.send()
    assert any("Somebody else judged" in words for words in ann.told())
    assert ann.told() == ()
    assert {one.rater: one.surplus for one in team.said.of_campaign("c")} == {"bob": False, "ann": True}


def test_two_kits_take_different_items_along(world: Any) -> None:
    _, _, make = world
    ann, bob = make("ann"), make("bob")
    ann.take_along("c", "ann", 4)
    bob.take_along("c", "bob", 9)

    def taken(kit: ReviewKit, rater: str) -> set[str]:
        found: list[str] = []
        while (one := kit.local.claims.claim("c", rater, time.time(), 60.0, found)) is not None:
            found.append(one.id)
        return set(found)

    assert len(taken(ann, "ann")) == 4
    assert len(taken(bob, "bob")) == 4
    assert not taken(ann, "ann") & taken(bob, "bob")


def test_a_withdrawn_item_is_told_within_two_seconds_of_looking(world: Any) -> None:
    _, team, make = world
    kit = make("ann")
    kit.take_along("c", "ann", 2)
    kit.show("ann", ("i00", "i01"))
    kit.start()
    try:
        until(lambda: kit.offline == "" and kit._team is not None)
        team.campaigns.withdraw_item("i00", "private")
        started = time.monotonic()
        until(lambda: kit.gone(("i00", "i01")))
        told_s = time.monotonic() - started
        assert kit.gone(("i00", "i01")) == (("i00", "withdrawn: private"),)
        print(f"a withdrawn item was told after {told_s:.2f} s")
    finally:
        kit.close()


def test_a_finished_campaign_is_not_taken_along(world: Any) -> None:
    _, team, make = world
    from mlcontrol.core.review.campaign import Standing

    team.campaigns.put(replace(CAMPAIGN, standing=Standing.CLOSED))
    assert not make("ann").take_along("c", "ann")
