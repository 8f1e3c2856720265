"""The offline kit inside whole engines: the way to the team's PostgreSQL is cut under one of them and mended again."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import InlineHost, new_request
from mlcontrol.gui.pages.reviews_queue import KEEP_MS
from mlcontrol.ports.clock import SystemClock
from mlcontrol.services.reviews.kit import SEND_EVERY_S
from mlcontrol.store.store import Store
from tests.store.conftest import PostgresServer, postgres

__all__ = ["postgres"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
ITEMS = 12


class Wire:
    """A way to the server that can be cut: a cut one refuses, and whoever was connected is thrown out."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self.up = True
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.is_set():
            with self._lock:
                both = [one for pair in self._pairs for one in pair]
            ready, _, _ = select.select([self._server, *both], [], [], 0.05)
            for one in ready:
                if one is self._server:
                    self._accept()
                else:
                    self._pass_on(one)

    def _accept(self) -> None:
        client, _ = self._server.accept()
        if not self.up:
            client.close()
            return
        with self._lock:
            self._pairs.append((client, socket.create_connection(("127.0.0.1", self._to))))

    def _pass_on(self, one: socket.socket) -> None:
        with self._lock:
            pair = next((pair for pair in self._pairs if one in pair), None)
        if pair is None:
            return
        other = pair[1] if one is pair[0] else pair[0]
        try:
            data = one.recv(65536)
            if data:
                other.sendall(data)
                return
        except OSError:
            pass
        self._drop(pair)

    def _drop(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._lock, contextlib.suppress(ValueError):
            self._pairs.remove(pair)
        for one in pair:
            one.close()

    def cut(self) -> None:
        self.up = False
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.up = True

    def close(self) -> None:
        self._ending.set()
        self._thread.join(10)
        for pair in list(self._pairs):
            self._drop(pair)
        self._server.close()


@pytest.fixture
def team(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def wire(postgres: PostgresServer) -> Iterator[Wire]:
    made = Wire(postgres.port)
    yield made
    made.close()


@pytest.fixture
def engine(tmp_path: Path, team: str) -> Iterator[Callable[[str, int | None], InlineHost]]:
    """Starts a whole engine of somebody's own folder, on the team's store by the way that is given."""
    hosts: list[InlineHost] = []

    def start(who: str, port: int | None = None) -> InlineHost:
        folder = tmp_path / who
        folder.mkdir()
        url = team if port is None else str(sa.make_url(team).set(port=port))
        path = folder / "mlcontrol.toml"
        path.write_text(f'version = 1\nname = "{who}"\nstore = "{url}"\n[services.digits]\nprediction = "digit"\n')
        hosts.append(InlineHost(path, lambda _event: None))
        return hosts[-1]

    yield start
    for host in hosts:
        host.close()


def until(look: Callable[[], Any], within_s: float = 60.0) -> Any:
    give_up = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return found


def take(host: InlineHost, rater: str) -> Any:
    answer = host.ask(m.NextReviewItem(request=new_request(), service="digits", rater=rater, campaign="c"), 60.0)
    assert isinstance(answer, m.ReviewItemAnswer)
    return answer


def judge(host: InlineHost, rater: str, item: str) -> None:
    stored = host.ask(
        m.Judge(request=new_request(), item=item, service="digits", rater=rater, campaign="c", label="right"), 60.0
    )
    assert isinstance(stored, m.JudgementStored)


def kept(host: InlineHost, rater: str, *items: str) -> Any:
    answer = host.ask(m.KeepReviewItems(request=new_request(), rater=rater, items=items), 60.0)
    assert isinstance(answer, m.ReviewItemsKept)
    return answer


def started(lead: InlineHost, folder: Path) -> None:
    rows = [
        {"request_id": f"r{i}", "version": "3", "inputs": {"x": i}, "outputs": {"digit": i % 10}} for i in range(ITEMS)
    ]
    path = folder / "items.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = lead.ask(
        m.ImportReviews(request=new_request(), path=str(path), service="digits", actor="lead", campaign="c"), 60.0
    )
    assert isinstance(made, m.CampaignsAnswer)


def test_an_evaluator_goes_on_without_the_team_and_all_of_it_arrives(
    engine: Any, wire: Wire, tmp_path: Path, team: str
) -> None:
    lead, ann = engine("lead"), engine("ann", wire.port)
    started(lead, tmp_path)
    first = until(lambda: take(ann, "ann").item)  # the way along fills the kit
    wire.cut()
    judged = []
    item = first
    while item is not None:
        judge(ann, "ann", item.id)
        judged.append(item.id)
        item = take(ann, "ann").item
    assert len(judged) >= 6, "hardly anything was taken along"
    until(lambda: kept(ann, "ann").offline)
    assert kept(ann, "ann").unsent >= len(judged) - 1
    undone = ann.ask(m.UndoJudgement(request=new_request(), service="digits", rater="ann", campaign="c"), 60.0)
    assert isinstance(undone, m.ReviewItemAnswer)
    wire.mend()
    until(lambda: kept(ann, "ann").unsent == 0 and not kept(ann, "ann").offline)
    store = Store.open(team, tmp_path, SystemClock(), tmp_path / "heads")
    stored = store.reviews.said.of_campaign("c")
    store.close()
    standing = {one.item for one in stored if not one.withdrawn}
    assert standing == set(judged) - {undone.item.id}
    assert len({one.id for one in stored}) == len(stored)
    assert not any(one.surplus for one in stored)


def test_a_conflict_is_told_by_the_next_looks(engine: Any, wire: Wire, tmp_path: Path) -> None:
    """A look of the kit and a look of the bench together take less than two seconds; what it took here is printed."""
    assert SEND_EVERY_S + KEEP_MS / 1000 < 2.0
    lead, ann = engine("lead"), engine("ann", wire.port)
    started(lead, tmp_path)
    shown = until(lambda: take(ann, "ann").item)
    assert kept(ann, "ann", shown.id).gone == ()
    begun = time.monotonic()
    done = lead.ask(m.WithdrawReviewItem(request=new_request(), item=shown.id, reason="private", actor="lead"), 60.0)
    assert isinstance(done, m.Done)

    def told() -> Any:
        time.sleep(KEEP_MS / 1000)  # as often as the bench asks
        return kept(ann, "ann", shown.id).gone

    assert until(told) == ((shown.id, "withdrawn: private"),)
    print(f"\na conflict was told after {time.monotonic() - begun:.2f} s (goal 2 s)")
