"""Prediction logs as files, one folder a service, labels and feedback in folders beside; read by DuckDB, in any of the formats."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import duckdb

from mlcontrol.adapters.predictions.duckdb_connection import Database
from mlcontrol.adapters.predictions.log_columns import renamed, selected
from mlcontrol.adapters.predictions.log_format import LogFormat
from mlcontrol.adapters.predictions.log_place import LocalFolder, Place
from mlcontrol.adapters.predictions.object_store import ObjectStore
from mlcontrol.adapters.predictions.questions import LogQuestions
from mlcontrol.adapters.predictions.scratch import Scratch
from mlcontrol.adapters.predictions.sql_text import EARLY_S, OF_CALLERS, one_label_each
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import Reachability, SecretReader
from mlcontrol.ports.errors import TimedOut, Unexpected

_LATEST_LABEL_S = 24 * 3600.0


class FileLog(LogQuestions):
    """``url``: a ``file://`` folder, or ``s3://bucket/folder`` (see `S3Client` for its options and sign-in); ``options.labels``:
    the labels' folder (``request_id``, ``label``; with a ``time`` the last of several counts); ``options.feedback``: that of what
    users did with the answers (``request_id``, ``kind``, ``value``, perhaps ``time``);
    ``options.columns``: other names of columns (``time=created_at``).

    Files whose names begin with the UTC day or hour of their entries are opened only for spans that they can hold (`named_span`). A
    line or row that is no entry is left out, never fatal; one that is still being written is not there yet.

    *Thread:* any; every question has a connection of its own.
    """

    format: ClassVar[LogFormat]

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.settings = settings
        self._names = renamed(settings.options)
        self._scratch = Scratch()
        self._database = Database()
        addresses = {"log": settings.url} | {
            k: settings.options[k] for k in ("labels", "feedback") if settings.options.get(k)
        }
        self._places: dict[str, Place] = {
            kind: ObjectStore(url, settings, secret, self._scratch) if url.startswith("s3://") else LocalFolder(url)
            for kind, url in addresses.items()
        }

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        started = time.monotonic()
        services = self._places["log"].services(deadline_s)
        detail = f"logs of {', '.join(services[:8])}" if services else "no service has written here yet"
        where = "" if self._places["log"].grows else " in an object store"
        return Reachability(f"prediction log ({self.format.title}){where}", 1000 * (time.monotonic() - started), detail)

    def close(self) -> None:
        for place in self._places.values():
            place.close()
        self._scratch.close()
        self._database.close()

    def malformed(self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0) -> int:
        """Entries in the files of the span without an id or a time, lines that are no JSON, rows that their header does not fit."""
        with self._asking(service, deadline_s) as (held, ends):
            files = self._files(held, "log", service, since_s, until_s, ends)
            if not files:
                return 0
            with self._database.connection(max(0.001, ends - time.monotonic())) as connection:
                self._view(connection, "log", "raw", files)
                row = connection.execute("select count(*) from raw where request_id is null or time is null").fetchone()
                return max(0, (0 if row is None else int(row[0])) + self.format.left_out(connection, files))

    def _ask(
        self,
        service: str,
        since_s: float,
        until_s: float,
        deadline_s: float,
        question: str,
        values: dict[str, Any] | None = None,
        labels: bool = False,
        feedback: bool = False,
    ) -> list[tuple[Any, ...]]:
        """Run one question over views ``log`` (the span), ``labels`` and ``feedback``; interrupted at the deadline."""
        with self._asking(service, deadline_s) as (held, ends):
            files = self._files(held, "log", service, since_s, until_s, ends)
            if not files:
                return []
            late_s = until_s + _LATEST_LABEL_S
            early_s = since_s - EARLY_S
            label_files = self._files(held, "labels", service, early_s, late_s, ends) if labels else []
            feedback_files = self._files(held, "feedback", service, early_s, late_s, ends) if feedback else []
            if feedback and not feedback_files:
                return []
            with self._database.connection(max(0.001, ends - time.monotonic())) as connection:
                self._view(connection, "log", "raw_log", files)
                span = f"epoch_ms(time) >= {1000 * since_s} and epoch_ms(time) < {1000 * until_s}"
                connection.execute(
                    "create temp view log as select *, epoch_ms(time) / 1000.0 as at_s from raw_log"  # noqa: S608
                    f" where request_id is not null and {OF_CALLERS} and {span}"
                )
                if label_files:
                    self._view(connection, "labels", "raw_labels", label_files)
                    timed = "(select *, epoch_ms(time) / 1000.0 as at_s from raw_labels where request_id is not null)"
                    connection.execute(f"create temp view labels as {one_label_each(timed)}")
                elif labels:
                    connection.execute("create temp table labels(request_id varchar, label json, contradicted boolean)")
                if feedback:
                    self._view(connection, "feedback", "raw_feedback", feedback_files)
                    connection.execute(
                        "create temp view feedback as select *, epoch_ms(time) / 1000.0 as at_s from raw_feedback"
                        " where request_id is not null"
                    )
                used = {name: value for name, value in (values or {}).items() if f"${name}" in question}
                return connection.execute(question, used).fetchall()

    def _files(
        self, held: ExitStack, kind: str, service: str, since_s: float, until_s: float, ends: float
    ) -> list[Path]:
        """What of the log's files is there; copies made for it go with ``held``."""
        place = self._places.get(kind)
        if place is None:
            return []
        left_s = max(0.001, ends - time.monotonic())
        found = held.enter_context(place.files(service, self.format.suffixes, since_s, until_s, left_s))
        if not place.grows:
            return found
        ready = self.format.settle(found, self._scratch)
        for copy in set(ready).difference(found):
            held.callback(copy.unlink, missing_ok=True)
        return ready

    def _view(self, connection: duckdb.DuckDBPyConnection, kind: str, name: str, files: list[Path]) -> None:
        source = self.format.reading(files, kind, self._names)
        described = connection.execute(f"describe select * from {source}").fetchall()  # noqa: S608
        columns = selected(kind, {row[0]: row[1] for row in described}, self._names)
        connection.execute(f"create temp view {name} as select {columns} from {source}")  # noqa: S608

    @contextmanager
    def _asking(self, service: str, deadline_s: float) -> Iterator[tuple[ExitStack, float]]:
        """What is held for one question, and when it ends (monotonic); what goes wrong as errors of the ports."""
        try:
            with ExitStack() as held:
                yield held, time.monotonic() + deadline_s
        except duckdb.InterruptException as error:
            what, why = (
                f"The prediction log of {service} was not read within {deadline_s:g} s.",
                "It is large, or slow to reach.",
            )
            raise TimedOut(Problem(what, why, "Ask for a shorter span, or keep fewer hours.", "timeout")) from error
        except (duckdb.Error, OSError) as error:
            why = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise Unexpected(
                Problem(
                    f"The prediction log of {service} cannot be read.",
                    why,
                    f"Look at the newest file; {self.format.hint}.",
                    "unexpected",
                )
            ) from error
