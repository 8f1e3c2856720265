"""Review queues of a million items, and samples of ten million rows, against what the same machine does without any of it.

Verdicts are ratios within one run; the printed line says the goal, the result and whether it was met on this machine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from mlcontrol.adapters.predictions.table_files import DuckDbTableFiles
from mlcontrol.core.review.campaign import Campaign
from mlcontrol.core.review.judging import Judgement, JudgementVerdict, ReviewItem
from mlcontrol.ports.clock import SystemClock
from mlcontrol.store.store import Store

ITEMS, SMALL, ROUNDS = 1_000_000, 1_000, 60


def put_items(store: Store, campaign: str, count: int) -> None:
    """Straight into the tables: a million objects are not what is measured."""
    import msgspec

    made = Campaign(campaign, "digits", campaign)
    store.reviews.campaigns.put(made)
    body = msgspec.msgpack.encode(ReviewItem("x", "digits", "r", 0.0, "[1]" * 40, "[2]", {}, "3", campaign=campaign))
    numbers = f"with recursive n(i) as (select 1 union all select i + 1 from n where i < {count}) "
    with store.reviews._db.write() as connection:
        connection.execute(
            sa.text(
                "insert into review_entries (id, campaign, place, kind, withdrawn, body) "
                f"{numbers} select :c || '-' || i, :c, i, 'work', '', :body from n"
            ),
            {"c": campaign, "body": body},
        )
        connection.execute(
            sa.text(
                "insert into review_slots (item, slot, campaign, place, state, rater, until_s) "
                f"{numbers} select :c || '-' || i, 0, :c, i, 0, '', 0 from n"
            ),
            {"c": campaign},
        )
        connection.execute(sa.text("update review_campaigns set total = :n where id = :c"), {"n": count, "c": campaign})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("reviews")
    opened = Store.open("sqlite:///panel.db", folder, SystemClock(), folder / "heads")
    put_items(opened, "small", SMALL)
    put_items(opened, "large", ITEMS)
    yield opened
    opened.close()


def sitting(store: Store, campaign: str) -> tuple[list[float], list[float]]:
    """Seconds of each claim and of each judgement, durable."""
    claims, judgements = [], []
    for number in range(ROUNDS):
        started = time.perf_counter()
        found = store.reviews.claims.claim(campaign, "ann", time.time(), 600.0)
        claimed = time.perf_counter()
        assert found is not None
        # The body is one for all: the slot says which item it is.
        item = store.reviews._db
        with item.read() as connection:
            name = connection.execute(
                sa.text("select item from review_slots where campaign = :c and state = 1 and rater = 'ann'"),
                {"c": campaign},
            ).scalar_one()
        again = time.perf_counter()
        store.reviews.said.judge(
            Judgement(f"{campaign}{number}", name, "digits", "3", "ann", JudgementVerdict.RIGHT, 1.0, campaign=campaign)
        )
        judgements.append(time.perf_counter() - again)
        claims.append(claimed - started)
    return claims, judgements


def p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))] * 1000


def test_a_million_queued_items_cost_no_more_than_a_thousand(store: Store) -> None:
    few_claims, few_said = sitting(store, "small")
    many_claims, many_said = sitting(store, "large")
    ratio = statistics.median(many_claims) / statistics.median(few_claims)
    said = statistics.median(many_said) / statistics.median(few_said)
    print(
        f"\nnext of a million: p50 {1000 * statistics.median(many_claims):.1f} ms, p99 {p99(many_claims):.1f} ms (goal 50); "
        f"durable: p50 {1000 * statistics.median(many_said):.1f} ms, p99 {p99(many_said):.1f} ms (goal 20); "
        f"against a thousand x{ratio:.2f} and x{said:.2f}"
    )
    assert ratio < 4
    assert said < 4


def test_a_campaign_of_a_million_opens_without_being_loaded(store: Store) -> None:
    def opened(campaign: str) -> float:
        times = []
        for _ in range(7):
            started = time.perf_counter()
            store.reviews.campaigns.get(campaign)
            store.reviews.campaigns.progress(campaign)
            store.reviews.campaigns.items(campaign, 0, 50)
            times.append(time.perf_counter() - started)
        return statistics.median(times)

    few, many = opened("small"), opened("large")
    print(f"\na campaign of a million opens in {1000 * many:.1f} ms (goal 200), of a thousand in {1000 * few:.1f} ms")
    assert many < 6 * few


def test_sampling_from_millions_of_rows_costs_little_more_than_reading_their_ids(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "log.parquet"
    rows = 10_000_000
    connection = duckdb.connect(config={"threads": 2})
    connection.execute(
        f"copy (select i as request_id, (i * 7919) % 1000003 as x from range({rows}) t(i)) to '{path}' (format parquet)"
    )
    ratios, seconds = [], []
    for seed in range(3):
        started = time.process_time()
        connection.execute(f"select sum(hash(request_id)), sum(hash(x)) from '{path}'").fetchall()
        read = time.process_time() - started
        begun, started = time.perf_counter(), time.process_time()
        drawn = DuckDbTableFiles().sample(path, 1000, seed)
        ratios.append((time.process_time() - started) / read)
        seconds.append(time.perf_counter() - begun)
        assert drawn.total == rows
        assert len({row["request_id"] for row in drawn.rows}) == 1000
    connection.close()
    ratio = statistics.median(ratios)
    print(
        f"\n1,000 of {rows:,} rows in {statistics.median(seconds):.2f} s (goal 2 s); x{ratio:.2f} of hashing both columns"
    )
    assert ratio < 6


def test_a_look_at_whether_it_is_enough_costs_what_is_new_and_not_what_there_is(store: Store) -> None:
    from mlcontrol.core.review.campaign import Stop
    from mlcontrol.core.review.findings import enough_now
    from mlcontrol.services.reviews.counting import Counting

    def looks(name: str, count: int) -> float:
        """Median seconds of a look after one more judgement."""
        campaign = Campaign(name, f"of-{name}", name, stop=Stop(half_width=0.0001))
        _say(store, campaign, range(count))
        counting = Counting(SystemClock())
        counting.of(store.reviews, campaign.service, name)
        times = []
        for number in range(count, count + 15):
            _say(store, campaign, range(number, number + 1))
            started = time.process_time()
            known = counting.of(store.reviews, campaign.service, name)
            enough_now(campaign, known.tally, known.wins, {})
            times.append(time.process_time() - started)
        return statistics.median(times)

    few, many = looks("look-few", 500), looks("look-many", 30_000)
    print(f"\na look after one more judgement: {1000 * few:.2f} ms at 500, {1000 * many:.2f} ms at 30,000")
    assert many < 8 * few


def _say(store: Store, campaign: Campaign, numbers: range) -> None:
    """Straight into the table, as many rows in one transaction."""
    import msgspec

    from mlcontrol.store.tables.reviews_queue import review_judgements

    made = [
        Judgement(
            f"{campaign.id}-{i}", f"{campaign.id}-i{i}", campaign.service, "3", "ann",
            JudgementVerdict.RIGHT if i % 9 else JudgementVerdict.WRONG, 1.0, campaign=campaign.id, label="right",
            slices={"region": ("north", "south")[i % 2]},
        )
        for i in numbers
    ]  # fmt: skip
    with store.reviews._db.write() as connection:
        connection.execute(
            review_judgements.insert(),
            [
                {
                    "id": one.id, "campaign": one.campaign, "item": one.item, "service": one.service, "rater": one.rater,
                    "withdrawn": False, "sent": True, "body": msgspec.msgpack.encode(one),
                }
                for one in made
            ],
        )  # fmt: skip
