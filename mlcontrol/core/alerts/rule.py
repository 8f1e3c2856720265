"""A rule as a person writes it: in a rules file for `mlcontrol backtest`, and under a service in `mlcontrol.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from math import isfinite
from typing import Any

from mlcontrol.core.problem import Problem, ProblemError


class RuleKind(StrEnum):
    THRESHOLD = "threshold"  # above or below a figure
    SPC = "spc"  # a control chart, its limits from an alert budget
    BURN_RATE = "burn_rate"  # how fast an error budget is spent, in several windows
    ABSENCE = "absence"  # no reading for so long


class ChartKind(StrEnum):
    ADAPTIVE = "adaptive"
    SHEWHART = "shewhart"
    EWMA = "ewma"
    CUSUM = "cusum"
    NELSON = "nelson"


SEVERITIES = ("warning", "critical")


@dataclass(frozen=True, slots=True)
class Rule:
    """``series``: a column or metric name, empty for every one. ``for_s``: how long it must hold before it alerts.

    threshold: ``above`` and/or ``below``; ``clear``: share of the limit by which it must come back (hysteresis).
    spc: ``chart``; ``false_alarms_per_week``; ``centre`` and ``sigma`` where known, else from the first ``baseline_rows``.
    burn_rate: ``objective`` (share of good, 0.999); the series is the share of bad, or ``bad`` and ``total`` name two counts.
    absence: ``for_s``.
    """

    name: str
    kind: RuleKind
    series: str = ""
    severity: str = "warning"
    for_s: float = 0.0
    above: float | None = None
    below: float | None = None
    clear: float = 0.1
    chart: ChartKind = ChartKind.ADAPTIVE
    false_alarms_per_week: float = 0.5
    centre: float | None = None
    sigma: float | None = None
    baseline_rows: int = 100
    objective: float | None = None
    bad: str = ""
    total: str = ""


def parse_rules(entries: object, where: str) -> tuple[Rule, ...]:
    """Raises `ProblemError` (code "usage") naming the rule and the word that is wrong; nothing unknown is passed over."""
    if not isinstance(entries, list) or not entries:
        raise _wrong(where, "it holds no rules", "Write [[rule]] tables with name and kind.")
    rules = tuple(parse_rule(entry, f"{where}, rule {number}") for number, entry in enumerate(entries, 1))
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        raise _wrong(where, "two rules have one name", "Give every rule its own.")
    return rules


def parse_rule(entry: object, where: str) -> Rule:
    if not isinstance(entry, Mapping):
        raise _wrong(where, "it is no table", "Write name and kind.")
    known = {field.name for field in fields(Rule)}
    if unknown := sorted(set(entry) - known):
        raise _wrong(where, f"{unknown[0]!r} is no word of a rule", f"Known are {', '.join(sorted(known))}.")
    values: dict[str, Any] = dict(entry)
    for name in ("name", "kind"):
        if not isinstance(values.get(name), str) or not values[name]:
            raise _wrong(where, f"it has no {name}", "Every rule has a name and a kind.")
    values["kind"] = _choice(RuleKind, values["kind"], "kind", where)
    if "chart" in values:
        values["chart"] = _choice(ChartKind, values["chart"], "chart", where)
    for name in ("for_s", "above", "below", "clear", "false_alarms_per_week", "centre", "sigma", "objective"):
        if name in values:
            values[name] = _number(values[name], name, where)
    if type(values.get("baseline_rows", 2)) is not int or values.get("baseline_rows", 2) < 2:
        raise _wrong(where, "baseline_rows is no count of at least 2", "Write a whole number.")
    for name in ("series", "severity", "bad", "total"):
        if not isinstance(values.get(name, ""), str):
            raise _wrong(where, f"{name} is no text", "Put it in quotes.")
    rule = Rule(**values)
    _check(rule, where)
    return rule


def _check(rule: Rule, where: str) -> None:
    if rule.severity not in SEVERITIES:
        raise _wrong(where, f"there is no severity {rule.severity!r}", f"Write {' or '.join(SEVERITIES)}.")
    if rule.kind is RuleKind.THRESHOLD and rule.above is None and rule.below is None:
        raise _wrong(where, "a threshold needs above or below", "Write the figure.")
    if rule.kind is RuleKind.BURN_RATE and not (rule.objective is not None and 0 < rule.objective < 1):
        raise _wrong(
            where, "a burn rate needs an objective between 0 and 1", "Write objective = 0.999 for 99.9 % good."
        )
    if bool(rule.bad) != bool(rule.total):
        raise _wrong(where, "bad and total go together", "Name both columns, or neither.")
    if rule.kind is RuleKind.ABSENCE and rule.for_s <= 0:
        raise _wrong(where, "absence needs for_s", "Write for_s = 300 for five minutes without a reading.")
    if rule.false_alarms_per_week <= 0 or (rule.sigma is not None and rule.sigma <= 0) or not 0 <= rule.clear < 1:
        raise _wrong(where, "false_alarms_per_week and sigma are above 0, clear from 0 to below 1", "Mend it.")


def _choice(kinds: type[StrEnum], value: object, name: str, where: str) -> Any:
    try:
        return kinds(str(value))
    except ValueError:
        raise _wrong(
            where, f"there is no {name} {value!r}", f"Write one of {', '.join(str(kind) for kind in kinds)}."
        ) from None


def _number(value: object, name: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise _wrong(where, f"{name} is no number", "Write a plain number.")
    return float(value)


def _wrong(where: str, why: str, following: str) -> ProblemError:
    return ProblemError(Problem(f"{where} cannot be used.", f"{why[0].upper()}{why[1:]}.", following, code="usage"))
