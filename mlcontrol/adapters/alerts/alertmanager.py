"""Prometheus' Alertmanager (API v2), and what speaks as it does: alerts read, silences read, made and expired."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from mlcontrol.adapters.http import Call, DatedByServer, HttpClient, Response
from mlcontrol.adapters.plain_text import plain
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.alerts import Matcher, OutsideAlert, OutsideSilence, OutsideState
from mlcontrol.ports.connection import Reachability, SecretReader, Viability
from mlcontrol.ports.errors import NotFound, Rejected

ANNOTATION_CHARS = 500
T = TypeVar("T")


class _Status(msgspec.Struct, rename="camel"):
    state: OutsideState
    silenced_by: list[str] = []
    inhibited_by: list[str] = []


class _Alert(msgspec.Struct, rename="camel"):
    fingerprint: str
    labels: dict[str, str]
    status: _Status
    starts_at: datetime
    annotations: dict[str, str] = {}


class _Matcher(msgspec.Struct, rename="camel"):
    name: str
    value: str
    is_regex: bool
    is_equal: bool = True  # servers before 0.22 know no other


class _SilenceStatus(msgspec.Struct):
    state: str


class _Silence(msgspec.Struct, rename="camel"):
    id: str
    status: _SilenceStatus
    matchers: list[_Matcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str = ""
    comment: str = ""


class _Made(msgspec.Struct):
    silenceID: str  # noqa: N815 - the wire's spelling


class _VersionInfo(msgspec.Struct):
    version: str


class _About(msgspec.Struct, rename="camel"):
    version_info: _VersionInfo


class Alertmanager(DatedByServer):
    """*Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.settings = settings
        self.http = HttpClient(settings, secret)

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        response = self.http.get("/api/v2/status", deadline_s)
        about = self._read(response, _About)
        return Reachability(f"Alertmanager {plain(about.version_info.version, 40)}", response.latency_ms)

    def alerts(self, deadline_s: float = 5.0) -> tuple[OutsideAlert, ...]:
        found = self._read(self.http.get("/api/v2/alerts", deadline_s), list[_Alert])
        return tuple(
            OutsideAlert(
                one.fingerprint,
                one.status.state,
                one.labels,
                one.starts_at.timestamp(),
                {name: plain(text, ANNOTATION_CHARS) for name, text in one.annotations.items()},
                tuple(one.status.silenced_by),
                tuple(one.status.inhibited_by),
            )
            for one in found
        )

    def silences(self, deadline_s: float = 5.0) -> tuple[OutsideSilence, ...]:
        found = self._read(self.http.get("/api/v2/silences", deadline_s), list[_Silence])
        # Expired ones stay listed for days.
        return tuple(
            OutsideSilence(
                one.id,
                tuple(Matcher(m.name, m.value, m.is_regex, m.is_equal) for m in one.matchers),
                one.starts_at.timestamp(),
                one.ends_at.timestamp(),
                plain(one.created_by, 80),
                plain(one.comment, ANNOTATION_CHARS),
            )
            for one in found
            if one.status.state != "expired"
        )

    def silence(
        self, matchers: Sequence[Matcher], from_s: float, until_s: float, by: str, comment: str, deadline_s: float = 5.0
    ) -> str:
        """Without a matcher it would silence everything: `Rejected` before anything is sent."""
        if not matchers or not any(matcher.value for matcher in matchers):
            raise Rejected(
                Problem("A silence must name what it silences.", "No label was given.", "Choose an alert.", "rejected")
            )
        body = {
            "matchers": [
                {"name": m.name, "value": m.value, "isRegex": m.is_regex, "isEqual": m.is_equal} for m in matchers
            ],
            "startsAt": _wire(from_s),
            "endsAt": _wire(until_s),
            "createdBy": by,
            "comment": comment,
        }
        return self._read(self.http.checked(Call("POST", "/api/v2/silences", json=body), deadline_s), _Made).silenceID

    def expire(self, silence_id: str, deadline_s: float = 5.0) -> None:
        try:
            name = str(uuid.UUID(silence_id))
        except ValueError as error:
            raise self._no_silence(silence_id) from error
        response = self.http.send(Call("DELETE", f"/api/v2/silence/{name}"), deadline_s)
        # It says "not found" with the status of a broken server.
        if response.status == 404 or (response.status == 500 and b"not found" in response.body[:1000]):
            raise self._no_silence(silence_id)
        if not 200 <= response.status < 300:
            raise self.http.refusal(response)

    def close(self) -> None:
        self.http.close()

    def _read(self, response: Response, kind: type[T]) -> T:
        document: Any = self.http.json_of(response)
        try:
            return msgspec.convert(document, kind)
        except msgspec.ValidationError as error:
            raise self.http.unexpected(f"It is not Alertmanager's API v2: {plain(str(error))}.", response) from error

    def _no_silence(self, silence_id: str) -> NotFound:
        return NotFound(
            Problem(
                f"'{self.settings.id}' knows no silence {plain(silence_id, 40)}.",
                "",
                "Look at the silences that hold now.",
                "not-found",
            )
        )


def _wire(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
