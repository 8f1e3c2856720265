"""The alerting rules of a Prometheus (and what speaks as it does): those that fire, and those that cannot be evaluated.

Prometheus itself keeps no silences (its Alertmanager does): it is asked for none, and making one is not supported here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from mlcontrol.adapters.http import Call, DatedByServer, HttpClient
from mlcontrol.adapters.plain_text import plain
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.alerts import Matcher, OutsideAlert, OutsideSilence, OutsideState
from mlcontrol.ports.connection import Reachability, SecretReader, Viability
from mlcontrol.ports.errors import NotFound, NotSupported

ANNOTATION_CHARS = 500


class _Active(msgspec.Struct, rename="camel"):
    labels: dict[str, str]
    state: str
    active_at: datetime
    value: str = ""
    annotations: dict[str, str] = {}


class _Rule(msgspec.Struct, rename="camel"):
    name: str
    query: str = ""
    type: str = ""
    health: str = "unknown"
    last_error: str = ""
    last_evaluation: datetime | None = None
    labels: dict[str, str] = {}
    alerts: list[_Active] = []


class _Group(msgspec.Struct):
    name: str
    rules: list[_Rule] = []


class _Data(msgspec.Struct):
    groups: list[_Group] = []


class _Answer(msgspec.Struct):
    status: str
    data: _Data = msgspec.field(default_factory=_Data)


_DECODER = msgspec.json.Decoder(_Answer)


class PrometheusRules(DatedByServer):
    """*Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.settings = settings
        self.http = HttpClient(settings, secret)

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        response, groups = self._groups(deadline_s)
        rules = [rule for group in groups for rule in group.rules]
        bad = sum(rule.health == "err" for rule in rules)
        detail = f"{len(rules)} alerting rules" + (f", {bad} cannot be evaluated" if bad else "")
        return Reachability("Prometheus rules", response, detail)

    def alerts(self, deadline_s: float = 5.0) -> tuple[OutsideAlert, ...]:
        """Those that fire (what only pends asks nobody), and an alert of its own for a rule that fails: it watches nothing."""
        _, groups = self._groups(deadline_s)
        return tuple(alert for group in groups for rule in group.rules for alert in _of_rule(group.name, rule))

    def silences(self, deadline_s: float = 5.0) -> tuple[OutsideSilence, ...]:  # noqa: ARG002 - none are kept here
        return ()

    def silence(
        self,
        matchers: Sequence[Matcher],  # noqa: ARG002 - the port's signature
        from_s: float,  # noqa: ARG002
        until_s: float,  # noqa: ARG002
        by: str,  # noqa: ARG002
        comment: str,  # noqa: ARG002
        deadline_s: float = 5.0,  # noqa: ARG002
    ) -> str:
        raise NotSupported(
            Problem(
                "Prometheus keeps no silences.",
                "Its Alertmanager does.",
                "Add the Alertmanager as a connection, and silence the alert there.",
                code="not-supported",
            )
        )

    def expire(self, silence_id: str, deadline_s: float = 5.0) -> None:  # noqa: ARG002
        raise NotFound(Problem("Prometheus keeps no silences.", code="not-found"))

    def close(self) -> None:
        self.http.close()

    def _groups(self, deadline_s: float) -> tuple[float, list[_Group]]:
        response = self.http.checked(Call("GET", "/api/v1/rules", {"type": "alert"}), deadline_s)
        try:
            answer = _DECODER.decode(response.body)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise self.http.unexpected(f"Its rules cannot be read: {plain(str(error), 120)}.", response) from error
        if answer.status != "success":
            raise self.http.unexpected("It did not answer with rules.", response)
        return response.latency_ms, answer.data.groups


def _of_rule(group: str, rule: _Rule) -> Iterator[OutsideAlert]:
    for active in rule.alerts:
        if active.state == "firing":
            told = {k: plain(v, ANNOTATION_CHARS) for k, v in active.annotations.items()}
            told.setdefault("description", f"{plain(rule.query, 300)} (now {plain(active.value, 40)})")
            yield OutsideAlert(
                _fingerprint(active.labels), OutsideState.ACTIVE, active.labels, active.active_at.timestamp(), told
            )
    if rule.health == "err":
        labels = {"alertname": f"rule {rule.name} cannot be evaluated", "rule_group": group, "severity": "warning"}
        since_s = rule.last_evaluation.timestamp() if rule.last_evaluation is not None else 0.0
        told = {"description": plain(rule.last_error, ANNOTATION_CHARS)}
        yield OutsideAlert(_fingerprint(labels), OutsideState.ACTIVE, labels, since_s, told)


def _fingerprint(labels: dict[str, str]) -> str:
    text = "\0".join(f"{name}\1{value}" for name, value in sorted(labels.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
