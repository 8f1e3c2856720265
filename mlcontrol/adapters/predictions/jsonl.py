"""Prediction logs as JSON Lines files, one folder a service, labels in a folder beside; read by DuckDB.

Files are named by their hour (``20260131T02.jsonl``), so a question about a span opens only the files that can hold it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from mlcontrol.adapters.predictions.duckdb_connection import in_memory
from mlcontrol.adapters.predictions.hourly_files import files_of, folder_name, folder_of
from mlcontrol.adapters.predictions.logged import FAILURES_BY_SLICE, LOGGED, as_answers, logged
from mlcontrol.core.judge.answers import Answers
from mlcontrol.core.problem import Problem
from mlcontrol.core.review.feedback import is_positive
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import Reachability, SecretReader, Viability
from mlcontrol.ports.errors import NotFound, TimedOut, Unexpected
from mlcontrol.ports.predictions import (
    MOST_ANSWERS,
    LoggedFeedback,
    LoggedPrediction,
    QualityBucket,
    SliceFailures,
    VersionEvidence,
    VersionLatency,
    VersionShare,
)

_LATEST_LABEL_S = 24 * 3600.0
_COLUMNS = (
    "{request_id: 'VARCHAR', time: 'TIMESTAMPTZ', version: 'VARCHAR', inputs: 'JSON', outputs: 'JSON', slices: 'JSON', "
    "status: 'INTEGER', error: 'VARCHAR', latency_ms: 'DOUBLE'}"
)
_LABEL_COLUMNS = "{request_id: 'VARCHAR', label: 'JSON'}"
_FEEDBACK_COLUMNS = "{request_id: 'VARCHAR', kind: 'VARCHAR', value: 'JSON'}"

# An output is logged with its batch of one: [[7]], [7] or 7.
_PLAIN = "regexp_replace(json_extract(outputs, $path)::varchar, '^\\[+|\\]+$', '', 'g')"
_LABEL = "regexp_replace(label::varchar, '^\\[+|\\]+$', '', 'g')"


class JsonLinesLog:
    """``url``: ``file://`` folder; ``options.labels``: the labels' folder; ``options.feedback``: that of what users did with the
    answers (``request_id``, ``kind``, ``value``). A line that is no JSON is left out, never fatal.

    *Thread:* any; every question has a connection of its own.
    """

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:  # noqa: ARG002 - files need no secret
        self.settings = settings
        self._root = folder_of(settings.url)
        self._labels = folder_of(settings.options["labels"]) if "labels" in settings.options else None
        self._feedback = folder_of(settings.options["feedback"]) if "feedback" in settings.options else None

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:  # noqa: ARG002 - a local folder answers at once
        started = time.monotonic()
        if not self._root.is_dir():
            raise NotFound(
                Problem(
                    f"There is no folder {self._root}.",
                    "The prediction log is expected there, one folder a service.",
                    "Check the address; the log may not have been written yet.",
                    code="not-found",
                )
            )
        services = sorted(entry.name for entry in self._root.iterdir() if entry.is_dir())
        detail = f"logs of {', '.join(services[:8])}" if services else "no service has written here yet"
        return Reachability("prediction log (JSON Lines)", 1000 * (time.monotonic() - started), detail)

    def close(self) -> None:
        """Nothing is kept open."""

    def shares(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[VersionShare, ...]:
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            "select coalesce(version, ''), count(*) filter (error is null), count(*) filter (error is not null)"
            " from log group by 1 order by 1",
        )
        return tuple(VersionShare(version, answered, failed) for version, answered, failed in rows)

    def quality(
        self,
        service: str,
        prediction: str,
        since_s: float,
        until_s: float,
        bucket_s: float,
        regression: bool,
        deadline_s: float = 10.0,
    ) -> tuple[QualityBucket, ...]:
        plain, label = _PLAIN, _LABEL
        numbers = f"try_cast({plain} as double) - try_cast({label} as double)"
        if regression:
            scored = f"0, coalesce(sum(({numbers}) ** 2), 0), coalesce(sum(abs({numbers})), 0)"
            counted = f"count({numbers})"
        else:
            same = f"{plain} = {label} or try_cast({plain} as double) = try_cast({label} as double)"
            scored, counted = f"count(*) filter (label is not null and ({same})), 0, 0", "count(label)"
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            f"select floor(at_s / $bucket) * $bucket, version, count(*), {counted}, {scored}"  # noqa: S608 - no foreign text
            " from log left join labels using (request_id) where error is null and version is not null"
            " group by 1, 2 order by 1, 2",
            {"bucket": bucket_s, "path": f'$."{prediction}"'},
            labels=True,
        )
        return tuple(QualityBucket(*row) for row in rows)

    def latency(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[VersionLatency, ...]:
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            "select coalesce(version, ''), count(*), quantile_cont(latency_ms, [0.5, 0.9, 0.99])"
            " from log where latency_ms is not null group by 1 order by 1",
        )
        return tuple(VersionLatency(version, n, *quantiles) for version, n, quantiles in rows)

    def evidence(
        self,
        service: str,
        prediction: str,
        since_s: float,
        until_s: float,
        thresholds_ms: tuple[float, ...],
        bins: tuple[float, ...] = (),
        deadline_s: float = 10.0,
    ) -> tuple[VersionEvidence, ...]:
        value = _answer(bins)
        slower = "".join(f", count(*) filter (latency_ms > {float(limit)!r})" for limit in thresholds_ms)
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            f"select version, {value}, count(latency_ms){slower} from log"  # noqa: S608 - numbers of our own, no foreign text
            " where version is not null group by 1, 2 order by 1, 2",
            {"path": f'$."{prediction}"'},
        )
        found: dict[str, VersionEvidence] = {}
        for version, answer, answered, *counts in rows:
            known = found.get(version, VersionEvidence(version, 0, (0,) * len(thresholds_ms), {}))
            predictions = dict(known.predictions)
            if answer is not None:
                predictions[str(answer)] = predictions.get(str(answer), 0) + int(answered)
            total = tuple(a + b for a, b in zip(known.slower, counts, strict=True))
            found[version] = VersionEvidence(version, known.answered + answered, total, predictions)
        return tuple(found.values())

    def answers(
        self,
        service: str,
        prediction: str,
        since_s: float,
        until_s: float,
        bins: tuple[float, ...] = (),
        deadline_s: float = 30.0,
    ) -> Answers:
        right = f"case when label is null then -1 when {_PLAIN} = {_LABEL} or "
        right += f"try_cast({_PLAIN} as double) = try_cast({_LABEL} as double) then 1 else 0 end"
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            f"select at_s, md5_number_lower(request_id) / 18446744073709551616.0, error is not null, latency_ms,"  # noqa: S608
            f" case when error is null then {_answer(bins)} end, {right}, version"
            " from log left join labels using (request_id) order by at_s desc limit $most",
            {"path": f'$."{prediction}"', "most": MOST_ANSWERS},
            labels=True,
        )
        return as_answers(rows[::-1])

    def slices(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> dict[str, dict[str, int]]:
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            # json_each, not a JSON path: a name from the log may hold any character.
            "select pair.key, json_extract_string(pair.value, '$'), count(*) from log, json_each(log.slices) as pair "
            "group by 1, 2 order by 1, 2",
        )
        result: dict[str, dict[str, int]] = {}
        for name, value, count in rows:
            result.setdefault(name, {})[str(value)] = count
        return result

    def feedback(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[LoggedFeedback, ...]:
        if self._feedback is None:
            return ()
        files = files_of(self._feedback / folder_name(service), since_s, until_s + _LATEST_LABEL_S)
        if not files:
            return ()
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            # One answer, one say of a kind: who clicks twice counts once.
            "select version, kind, value, count(*) from (select request_id, kind, any_value(value::varchar) as value from "  # noqa: S608
            f"{_reading(files, _FEEDBACK_COLUMNS)} where kind is not null group by 1, 2) join log using (request_id) "
            "where version is not null group by 1, 2, 3 order by 1, 2",
        )
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for version, kind, value, count in rows:
            good = is_positive(value)
            if good is not None:
                x, n = found.get((version, kind), (0, 0))
                found[version, kind] = x + count * good, n + count
        return tuple(LoggedFeedback(version, kind, x, n) for (version, kind), (x, n) in found.items())

    def failures_by_slice(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[SliceFailures, ...]:
        rows = self._ask(service, since_s, until_s, deadline_s, FAILURES_BY_SLICE)
        return tuple(SliceFailures(str(name), str(value), n, failed) for name, value, n, failed in rows)

    def failures(
        self, service: str, n: int, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[LoggedPrediction, ...]:
        question = (
            f"select {LOGGED} from log left join labels using (request_id)"  # noqa: S608 - no foreign text
            " where error is not null order by at_s desc, request_id limit $n"
        )
        rows = self._ask(service, since_s, until_s, deadline_s, question, {"n": n}, labels=True)
        return tuple(logged(row) for row in rows)

    def sample(
        self,
        service: str,
        n: int,
        seed: int,
        since_s: float,
        until_s: float,
        version: str | None = None,
        deadline_s: float = 10.0,
    ) -> tuple[LoggedPrediction, ...]:
        # Ordered by a hash of request and seed: the same choice from the same log, on any number of threads.
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            f"select {LOGGED} from (select * from log where error is null and version is not null"  # noqa: S608 - no foreign text
            " and ($version is null or version = $version) order by md5(request_id || $seed::varchar) limit $n)"
            " left join labels using (request_id) order by md5(request_id || $seed::varchar)",
            {"version": version, "seed": seed, "n": n},
            labels=True,
        )
        return tuple(logged(row) for row in rows)

    def malformed(self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0) -> int:
        """Lines in the files of the span that are no log entry: cut, not JSON, or without an id or a time."""
        files = files_of(self._root / folder_name(service), since_s, until_s)
        if not files:
            return 0
        with _connection(deadline_s, service) as connection:
            row = connection.execute(
                f"select count(*) from {_reading(files, _COLUMNS)} where request_id is null or time is null"  # noqa: S608
            ).fetchone()
        return 0 if row is None else int(row[0])

    def _ask(
        self,
        service: str,
        since_s: float,
        until_s: float,
        deadline_s: float,
        question: str,
        values: dict[str, Any] | None = None,
        labels: bool = False,
    ) -> list[tuple[Any, ...]]:
        """Run one question over views ``log`` (the span) and ``labels``; interrupted at the deadline."""
        files = files_of(self._root / folder_name(service), since_s, until_s)
        if not files:
            return []
        label_files: list[str] = []
        if labels and self._labels is not None:
            label_files = files_of(self._labels / folder_name(service), since_s, until_s + _LATEST_LABEL_S)
        with _connection(deadline_s, service) as connection:
            _view(connection, "raw_log", files, _COLUMNS)
            span = f"epoch_ms(time) >= {1000 * since_s} and epoch_ms(time) < {1000 * until_s}"
            connection.execute(
                f"create temp view log as select *, epoch_ms(time) / 1000.0 as at_s from raw_log where {span}"  # noqa: S608
            )
            if label_files:
                _view(connection, "raw_labels", label_files, _LABEL_COLUMNS)
                connection.execute(
                    "create temp view labels as select request_id, any_value(label) as label from raw_labels group by 1"
                )
            elif labels:
                connection.execute("create temp table labels(request_id varchar, label json)")
            used = {name: value for name, value in (values or {}).items() if f"${name}" in question}
            return connection.execute(question, used).fetchall()


def _view(connection: duckdb.DuckDBPyConnection, name: str, files: list[str], columns: str) -> None:
    connection.execute(
        f"create temp view {name} as select * from {_reading(files, columns)} where request_id is not null"  # noqa: S608
    )


def _reading(files: list[str], columns: str) -> str:
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    return f"read_json([{listed}], format = 'newline_delimited', columns = {columns}, ignore_errors = true)"


@contextmanager
def _connection(deadline_s: float, service: str) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        with in_memory(deadline_s) as connection:
            yield connection
    except duckdb.InterruptException as error:
        raise TimedOut(
            Problem(
                f"The prediction log of {service} was not read within {deadline_s:g} s.",
                "It is large, or the disk is slow.",
                "Ask for a shorter span, or keep fewer hours.",
                code="timeout",
            )
        ) from error
    except duckdb.Error as error:
        raise Unexpected(
            Problem(
                f"The prediction log of {service} cannot be read.",
                str(error).splitlines()[0][:200],
                "Look at the newest file; its format is one JSON object a line.",
                code="unexpected",
            )
        ) from error


def _answer(bins: tuple[float, ...]) -> str:
    """SQL for what was answered: a class, or the bin of a number."""
    if not bins:
        return _PLAIN
    above = " + ".join(f"(try_cast({_PLAIN} as double) >= {float(edge)!r})::int" for edge in bins)
    return f"'bin ' || ({above})::varchar"
