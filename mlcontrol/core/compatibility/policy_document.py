"""A policy as it is written: the tables of a TOML file, or of `[policy]` in the workspace. One wrong entry refuses the whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from math import isfinite
from typing import Any

from mlcontrol.core.compatibility.policy import Grant, Ignore, Limits, Policy, Severity
from mlcontrol.core.compatibility.report import Direction, Verdict
from mlcontrol.core.compatibility.table import BY_ID
from mlcontrol.core.problem import Problem, ProblemError

_KNOWN = ("limits", "severity", "ignore", "override", "environment", "retired")
_LIMITS = ("drill_age_days", "min_domain_mass", "size_delta", "size_delta_block")
_KEYS = {
    "severity": ("rule", "verdict", "direction", "model", "environment"),
    "ignore": ("rule", "owner", "expires", "reason", "subject", "model", "environment"),
    "override": ("rule", "by", "direction", "model", "environment"),
}
_OWN_WAY = {
    "P1": "A freeze or a missing approval is passed by breaking the glass (--break-glass), not by an override.",
    "P2": "A quarantine is lifted with a reason (mlcontrol quarantine), not overridden.",
}


def policy_of(document: Mapping[str, Any]) -> Policy:
    """The policy that these tables say. Raises `ProblemError` (code "unreadable") naming the entry that is wrong."""
    strange = sorted(set(document) - set(_KNOWN))
    if strange:
        raise _bad(f"{strange[0]!r:.40} is no part of a policy.", f"Known are {', '.join(_KNOWN)}.")
    environment = document.get("environment", "")
    if not isinstance(environment, str):
        raise _bad(f"`environment` is {environment!r:.40}, no text.")
    return Policy(
        severities=tuple(_severity(row) for row in _rows(document, "severity")),
        ignores=tuple(_ignore(row) for row in _rows(document, "ignore")),
        grants=tuple(_grant(row) for row in _rows(document, "override")),
        limits=_limits(document.get("limits", {})),
        environment=environment,
        retired=_names(document.get("retired", []), "`retired`"),
    )


def _limits(limits: Any) -> Limits:
    if not isinstance(limits, Mapping):
        raise _bad("[limits] is no table.")
    for key, value in limits.items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
        if key not in _LIMITS or not number:
            raise _bad(f"[limits] {key} = {value!r:.40} is not understood.", f"Known are {', '.join(_LIMITS)}.")
        if value < 0 or (key == "min_domain_mass" and value > 1):
            raise _bad(
                f"[limits] {key} = {value!r:.40} can never hold.",
                "A share is 0 to 1, a delta or an age is not below 0.",
            )
    return Limits(**{key: float(value) for key, value in limits.items()})


def _severity(row: Mapping[str, Any]) -> Severity:
    rule = _rule(row, "[[severity]]")
    try:
        verdict = Verdict(str(row.get("verdict")))
    except ValueError as error:
        raise _bad(f"[[severity]] of {rule} is not understood.", str(error)) from error
    if verdict in (Verdict.PASS, Verdict.UNKNOWN):
        raise _bad(f"[[severity]] of {rule} cannot be {verdict}.", then="Use info, warn or block; or an [[ignore]].")
    return Severity(
        rule, verdict, _direction(row, f"[[severity]] of {rule}"), _text(row, "model"), _text(row, "environment")
    )


def _ignore(row: Mapping[str, Any]) -> Ignore:
    rule = _rule(row, "[[ignore]]")
    owner, expires = row.get("owner"), _moment(row.get("expires"))
    if not isinstance(owner, str) or not owner.strip() or expires is None:
        raise _bad(f"[[ignore]] of {rule} needs an `owner` and an `expires` date.")
    told = _text(row, "reason", ""), _text(row, "subject"), _text(row, "model"), _text(row, "environment")
    return Ignore(rule, owner, expires, *told)


def _grant(row: Mapping[str, Any]) -> Grant:
    rule = _rule(row, "[[override]]")
    if rule in _OWN_WAY:
        raise _bad(f"[[override]] cannot name {rule}.", _OWN_WAY[rule])
    by = row.get("by")
    names = _names([by] if isinstance(by, str) else by, f"`by` in [[override]] of {rule}")
    if not names:
        raise _bad(f"[[override]] of {rule} names nobody.", then='Say who may, by = ["m.okafor"]; "*" is everybody.')
    return Grant(
        rule, names, _direction(row, f"[[override]] of {rule}"), _text(row, "model"), _text(row, "environment")
    )


def _rows(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = document.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise _bad(f"[[{name}]] is no list of tables.")
    for row in rows:
        strange = sorted(set(map(str, row)) - set(_KEYS[name]))
        if strange:  # a misspelt `model` would hold for every model
            raise _bad(f"[[{name}]] does not know {strange[0]!r:.40}.", f"Known are {', '.join(_KEYS[name])}.")
    return rows


def _rule(row: Mapping[str, Any], where: str) -> str:
    rule = row.get("rule")
    if not isinstance(rule, str) or rule not in BY_ID:
        raise _bad(f"{where} names the rule {rule!r:.40}, which does not exist.")
    return rule


def _direction(row: Mapping[str, Any], where: str) -> Direction | None:
    try:
        return Direction(row["direction"]) if "direction" in row else None
    except ValueError as error:
        raise _bad(f"{where} is not understood.", str(error)) from error


def _names(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name.strip() for name in value):
        raise _bad(f"{where} is no list of names.")
    return tuple(value)


def _text(row: Mapping[str, Any], name: str, default: str = "*") -> str:
    value = row.get(name, default)
    if not isinstance(value, str):
        raise _bad(
            f"`{name}` is {value!r:.40}, no text.", "One entry names one pattern; write a second entry for another."
        )
    return value


def _moment(value: object) -> float | None:
    """The end of that day, or that moment; UTC when it names no zone."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if "T" in value or " " in value else date.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime.combine(value, time.max, UTC).timestamp()
    return None


def _bad(
    what: str, why: str = "", then: str = "Correct the entry; until then nothing of this policy holds."
) -> ProblemError:
    return ProblemError(Problem(what[:500], why[:500], then, code="unreadable"))
