"""Prediction logs in an object store: a real S3-compatible server (SeaweedFS), with keys of more and of fewer rights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from requests_aws4auth import AWS4Auth

from mlcontrol.adapters.http import Call
from mlcontrol.adapters.predictions import object_store, s3_client
from mlcontrol.adapters.predictions.csv_rows import CsvLog
from mlcontrol.adapters.predictions.file_log import FileLog
from mlcontrol.adapters.predictions.jsonl import JsonLinesLog
from mlcontrol.adapters.predictions.object_store import ObjectStore
from mlcontrol.adapters.predictions.parquet import ParquetLog
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.connection import SecretReader
from mlcontrol.ports.errors import AdapterError, Denied, NeedsCredentials, NotFound, Rejected, TimedOut, Unexpected
from mlcontrol.testing.contracts.connection import NetworkContract, no_secret
from mlcontrol.testing.fault_proxy import Fault, FaultProxy, http_answer
from mlcontrol.testing.servers import seaweedfs
from tests.adapters.digits_log import SPAN, START_S, DigitsContract, assert_same, folder, prediction as entry
from tests.adapters.test_log_files import answered, as_csv, rows_of, write

__all__ = ["folder"]

pytestmark = pytest.mark.real
LOGS: dict[str, type[FileLog]] = {"jsonl": JsonLinesLog, "csv": CsvLog, "parquet": ParquetLog}
KEYS = {
    "writer": ("writer-secret", ("Admin", "Read", "Write", "List")),
    "reader": ("reader/secret+", ("Read:logs", "List:logs")),
    "stranger": ("stranger-secret", ("Read:other", "List:other")),
}


@dataclass(frozen=True, slots=True)
class Store:
    """The running server, written to by the key ``writer``."""

    url: str

    def put(self, key: str, body: bytes = b"") -> None:
        signer = AWS4Auth("writer", KEYS["writer"][0], "us-east-1", "s3")
        requests.put(f"{self.url}/{key}", data=body, auth=signer, timeout=30).raise_for_status()

    def remove(self, key: str) -> None:
        signer = AWS4Auth("writer", KEYS["writer"][0], "us-east-1", "s3")
        requests.delete(f"{self.url}/{key}", auth=signer, timeout=30).raise_for_status()

    def settings(self, prefix: str, adapter: str = "jsonl", key: str = "reader") -> ConnectionSettings:
        base = f"s3://logs/{prefix}"
        options = {"endpoint": self.url, "labels": f"{base}/labels"}
        url, kind = f"{base}/predictions", ConnectionKind.PREDICTIONS
        return ConnectionSettings("log", kind, adapter, url, "basic", key, "keyring", options=options)

    def log(self, prefix: str, adapter: str = "jsonl", key: str = "reader", **changes: Any) -> FileLog:
        return LOGS[adapter](replace(self.settings(prefix, adapter, key), **changes), secret_of(key))


def secret_of(key: str) -> SecretReader:
    return lambda: KEYS[key][0]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with seaweedfs(tmp_path_factory.mktemp("store"), KEYS) as server:
        made = Store(server.url)
        made.put("logs")
        yield made


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A folder of the test's own."""
    return f"{abs(hash(request.node.nodeid)):x}"


@pytest.fixture(params=list(LOGS))
def adapter(
    request: pytest.FixtureRequest, store: Store, prefix: str, folder: Path, tmp_path: Path
) -> Iterator[FileLog]:
    """The JSON Lines log of `folder` in the bucket, in each format."""
    suffix = request.param
    for kind in ("predictions", "labels"):
        if suffix == "jsonl":
            for file in (folder / kind / "digits").glob("*.jsonl"):
                store.put(f"logs/{prefix}/{kind}/digits/{file.name}", file.read_bytes())
        else:
            write(tmp_path / f"x.{suffix}", rows_of(folder, kind))
            key = f"logs/{prefix}/{kind}/digits/date=2026-03-29/part 0+.{suffix}"
            store.put(key.replace(" ", "%20").replace("+", "%2B"), (tmp_path / f"x.{suffix}").read_bytes())
    log = store.log(prefix, suffix)
    yield log
    log.close()


class TestBucket(DigitsContract, NetworkContract):
    def moved(self, settings: ConnectionSettings, port: int) -> ConnectionSettings:
        options = settings.options | {"endpoint": f"http://127.0.0.1:{port}"}
        return replace(settings, auth="none", options=options)

    def test_its_answers_are_those_of_the_same_log_in_a_folder(self, adapter: FileLog, folder: Path) -> None:
        assert_same(adapter, folder)
        assert "in an object store" in adapter.probe().server
        assert "digits" in adapter.probe().detail


def test_new_and_rewritten_objects_are_seen_and_nothing_is_copied_twice(
    store: Store, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    take = s3_client.S3Client.take

    def counting(client: Any, bucket: str, key: str, *rest: Any) -> None:
        taken.append(key.rpartition("/")[2])
        take(client, bucket, key, *rest)

    monkeypatch.setattr(s3_client.S3Client, "take", counting)
    where = f"logs/{prefix}/predictions/digits"
    rows = [entry(n, START_S + n) for n in range(30)]
    log = store.log(prefix, "csv")
    for number, part in enumerate((rows[:10], rows[10:20])):
        store.put(f"{where}/20260329T00-{number}.csv", as_csv(part).encode())
        assert answered(log) == 10 * (number + 1)
    assert answered(log) == 20
    assert taken == ["20260329T00-0.csv", "20260329T00-1.csv"]
    store.put(
        f"{where}/20260329T00-1.csv", as_csv(rows[10:]).rstrip().encode()
    )  # whole, though without a last line end
    store.put(f"{where}/20260328T00-1.csv", as_csv(rows).encode())  # of another day
    assert answered(log) == 30
    assert taken[2:] == ["20260329T00-1.csv"]
    store.remove(f"{where}/20260329T00-0.csv")
    assert answered(log) == 20
    folder = log._scratch.fresh("").parent
    log.close()
    assert not folder.exists()


def test_an_object_that_goes_after_it_was_listed_is_left_out(
    store: Store, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = f"logs/{prefix}/predictions/digits"
    for number in range(2):
        rows = [entry(10 * number + n, START_S + n) for n in range(10)]
        store.put(f"{where}/20260329T00-{number}.csv", as_csv(rows).encode())
    page = s3_client.S3Client.page

    def then_gone(client: Any, *asked: Any, **more: Any) -> Any:
        found = page(client, *asked, **more)
        store.remove(f"{where}/20260329T00-0.csv")
        return found

    monkeypatch.setattr(s3_client.S3Client, "page", then_gone)
    log = store.log(prefix, "csv")
    assert answered(log) == 10
    log.close()


def test_a_list_in_another_encoding_hides_no_document_type() -> None:
    hostile = (
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]><ListBucketResult>&b;</ListBucketResult>'
    )
    answer = http_answer(hostile.encode("utf-16"), content_type="application/xml")
    with FaultProxy(answer) as server:
        settings = ConnectionSettings(
            "log", ConnectionKind.PREDICTIONS, "csv", "s3://logs/x", options={"endpoint": server.url}
        )
        client = s3_client.S3Client(settings, no_secret)
        with pytest.raises(Unexpected, match="no list of objects"):
            client.page("logs", "", "", 5.0)
        client.close()


def test_pages_of_other_days_are_jumped_over(store: Store, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_client, "PAGE", 5)
    calls: list[str] = []
    page = s3_client.S3Client.page

    def counting(client: Any, bucket: str, base: str, after: str, *rest: Any, **more: Any) -> Any:
        calls.append(after)
        return page(client, bucket, base, after, *rest, **more)

    monkeypatch.setattr(s3_client.S3Client, "page", counting)
    where = f"logs/{prefix}/predictions/digits"
    for day in range(1, 61):
        at = START_S + 86_400 * (day - 30)
        name = time.strftime("date=%Y-%m-%d/part-0.csv", time.gmtime(at))
        store.put(f"{where}/{name}", as_csv([entry(day, START_S)]).encode())
    store.put(f"{where}/undated.csv", as_csv([entry(999, START_S)]).encode())
    log = store.log(prefix, "csv")
    assert answered(log) == 2
    assert len(calls) <= 4
    log.close()


def test_what_a_key_may_not_is_denied_and_what_is_not_there_is_not_found(store: Store, prefix: str) -> None:
    store.put(f"logs/{prefix}/predictions/digits/20260329T00.csv", as_csv([entry(1, START_S)]).encode())
    asked: tuple[tuple[FileLog, type[AdapterError]], ...] = (
        (store.log(prefix, "csv", "stranger"), Denied),
        (CsvLog(store.settings(prefix, "csv"), lambda: "wrong"), Denied),
        (CsvLog(replace(store.settings(prefix, "csv"), username="nobody"), lambda: "wrong"), Denied),
        (CsvLog(replace(store.settings(prefix, "csv"), auth="none"), no_secret), Denied),
        (CsvLog(store.settings(prefix, "csv"), no_secret), NeedsCredentials),
        (store.log(prefix, "csv", "writer", url="s3://no-such-bucket/x"), NotFound),
    )
    for log, kind in asked:
        for ask in (log.probe, lambda log=log: log.shares("digits", *SPAN)):
            with pytest.raises(kind) as caught:
                ask()
            assert caught.value.problem.next
            assert "secret+" not in str(caught.value.problem)
        log.close()
    right = store.log(prefix, "csv")
    assert answered(right) == 1  # the same question with the right key
    right.close()


def test_a_secret_that_was_changed_is_read_again(store: Store, prefix: str) -> None:
    store.put(f"logs/{prefix}/predictions/digits/20260329T00.csv", as_csv([entry(1, START_S)]).encode())
    kept = ["wrong"]
    log = CsvLog(store.settings(prefix, "csv"), lambda: kept[0])
    with pytest.raises(Denied):
        log.shares("digits", *SPAN)
    kept[0] = KEYS["reader"][0]
    assert answered(log) == 1
    log.close()


def test_too_much_is_not_read_in_part(store: Store, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where = f"logs/{prefix}/predictions/digits"
    for hour in range(3):
        rows = [entry(100 * hour + n, START_S + 3600 * hour + n) for n in range(100)]
        store.put(f"{where}/20260329T0{hour}.csv", as_csv(rows).encode())
    size = len(as_csv([entry(n, START_S + n) for n in range(100)]))
    log = store.log(prefix, "csv")
    monkeypatch.setattr(object_store, "MOST_BYTES", int(1.5 * size))
    for hour in range(3):  # one at a time they pass, and the least used copy makes room
        log.shares("digits", START_S - 1800 + 3600 * hour, START_S + 1800 + 3600 * hour - 1)
        place = log._places["log"]
        assert isinstance(place, ObjectStore)
        assert len(place._copies) == 1
        assert all(copy.path.exists() for copy in place._copies.values())
    with pytest.raises(Unexpected, match="too large for this question"):
        log.shares("digits", START_S, START_S + 3 * 3600)
    monkeypatch.setattr(object_store, "MOST_OBJECT_BYTES", 100)
    log.shares("digits", START_S + 1800 + 3601, START_S + 1800 + 7199)  # it is here already
    with pytest.raises(Unexpected, match="too large"):
        log.shares("digits", *SPAN)
    log.close()


def test_the_deadline_is_that_of_the_whole_question(store: Store, prefix: str) -> None:
    store.put(f"logs/{prefix}/predictions/digits/20260329T00.csv", as_csv([entry(1, START_S)]).encode())
    with FaultProxy(b"") as proxy:
        proxy.fault = Fault.HANG
        settings = store.settings(prefix, "csv")
        log = CsvLog(
            replace(settings, options=settings.options | {"endpoint": f"http://127.0.0.1:{proxy.port}"}),
            secret_of("reader"),
        )
        started = time.monotonic()
        with pytest.raises(TimedOut):
            log.shares("digits", *SPAN, deadline_s=0.5)
        assert time.monotonic() - started < 30
        log.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "s3://Not_A_Bucket/x"}, "no name of a bucket"),
        ({"auth": "token"}, "takes no token"),
        ({"options": {"region": "eu central"}}, "no region"),
    ],
)
def test_settings_that_cannot_be_are_said_so(changes: dict[str, Any], words: str) -> None:
    settings = ConnectionSettings("log", ConnectionKind.PREDICTIONS, "csv", "s3://logs/x", "basic", "key")
    with pytest.raises(Rejected, match=words):
        CsvLog(replace(settings, **changes), no_secret)


def test_without_an_endpoint_it_is_amazons_of_the_region() -> None:
    settings = ConnectionSettings(
        "log", ConnectionKind.PREDICTIONS, "csv", "s3://logs/x", "basic", "key", options={"region": "eu-central-1"}
    )
    client = s3_client.S3Client(settings, lambda: "s")
    assert client.target.base == "https://s3.eu-central-1.amazonaws.com:443"
    signed = client.headers_of(Call("GET", "/logs?list-type=2"))
    assert "/eu-central-1/s3/aws4_request" in signed["Authorization"]
    client.close()
