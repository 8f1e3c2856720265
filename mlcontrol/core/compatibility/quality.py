"""Size, data, quality and policy: rules S1 to S5, D1 to D4, Q1 to Q5, P1 to P3. Only P2 can block a rollback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from mlcontrol.core.compatibility.case import BLOCK, INFO, PASS, WARN, Case, Hit, Ruling, ruling
from mlcontrol.core.compatibility.facts import GoldenFacts
from mlcontrol.core.compatibility.report import Level, Verdict


def _size(n: int) -> str:
    return f"{n / 1e6:.1f} MB" if n >= 100_000 else f"{n:,} bytes"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _delta(case: Case) -> tuple[int, int, float] | None:
    new, old = case.candidate.size_bytes, case.current.size_bytes
    if new is None or old is None or old <= 0:
        return None
    return new, old, (new - old) / old


def s1_size(case: Case) -> Iterator[Hit]:
    known = _delta(case)
    if known is None:
        if case.has_current and case.candidate.size_bytes is None and case.current.size_bytes is not None:
            why = f"{case.old_label} states its size, {case.new_label} does not."
            hit = ruling(Verdict.UNKNOWN, why, "record the artifact's size", Level.NONE)
            yield Hit("size", "The change in size is not known", hit, INFO)
        return
    new, old, delta = known
    if abs(delta) > case.limits.size_delta and not _extreme(case, new, delta):
        word = "grew" if delta > 0 else "shrank"
        why = f"{_size(new)}, was {_size(old)}; the limit is {case.limits.size_delta:.0%}."
        title = f"The size {word} by {abs(delta):.1%}"
        yield Hit("size", title, ruling(Verdict.WARN, why), INFO, _size(new), _size(old))


def _extreme(case: Case, new: int, delta: float) -> bool:
    return new == 0 or abs(delta) > case.limits.size_delta_block


def s2_size_extreme(case: Case) -> Iterator[Hit]:
    if case.candidate.size_bytes == 0:
        yield Hit("size", "The artifact is empty", BLOCK, INFO, "0 bytes", "")
        return
    known = _delta(case)
    if known is not None and _extreme(case, known[0], known[2]):
        new, old, delta = known
        title = f"The size {'grew' if delta > 0 else 'shrank'} by {abs(delta):.0%}"
        why = f"{_size(new)}, was {_size(old)}: a truncated or wrong artifact looks like this."
        yield Hit("size", title, ruling(Verdict.BLOCK, why), INFO, _size(new), _size(old))


def s3_examples(case: Case) -> Iterator[Hit]:
    data = case.data
    if data is None or data.examples is None or data.examples_band is None:
        return
    low, high = data.examples_band
    if not low <= data.examples <= high:
        yield Hit(
            "data.examples",
            f"Trained on {data.examples:,} examples",
            WARN,
            INFO,
            f"{data.examples:,}",
            f"{low:,} to {high:,}",
        )


def s4_older(case: Case) -> Iterator[Hit]:
    new, old = case.candidate.created_s, case.current.created_s
    if new is not None and old is not None and new < old:
        yield Hit(
            "created_at", "The candidate was trained before the version used now", BLOCK, None, _day(new), _day(old)
        )


def s5_stale_target(case: Case) -> Iterator[Hit]:
    operation = case.operation
    if operation is None or operation.target_age_s is None or operation.freshness_slo_s is None:
        return
    if operation.target_age_s > operation.freshness_slo_s:
        days = operation.target_age_s / 86_400
        drift = (
            f" Since then: {operation.drift_since}." if operation.drift_since else " Drift since then was not measured."
        )
        why = f"It is {days:.0f} days old, its objective is {operation.freshness_slo_s / 86_400:.0f}.{drift}"
        yield Hit(
            "rollback.age", "The version to come back to is older than its objective", None, ruling(Verdict.WARN, why)
        )


def d1_distance(case: Case) -> Iterator[Hit]:
    for name, (distance, limit) in (case.data.distances if case.data else {}).items():
        if distance > limit:
            deploy = BLOCK if case.data and name in case.data.important else WARN
            title = f"{name} differs between training and serving"
            yield Hit(f"data.{name}", title, deploy, INFO, f"distance {distance:.3f}", f"limit {limit:.3f}")


def d2_slice_missing(case: Case) -> Iterator[Hit]:
    if case.data is not None and case.data.untested_slices:
        yield Hit("data.tested", f"Not tested on {', '.join(case.data.untested_slices[:5])}", WARN, PASS)
    serving, trained = (case.data.serving_slices if case.data else None), case.candidate.slices
    if serving is None:
        return
    if trained is None:
        hit = ruling(
            Verdict.UNKNOWN, "The training data's slices are not stated.", "state them in the metadata", Level.NONE
        )
        yield Hit("data.slices", "Which slices it was trained on is not known", hit, PASS)
        return
    # A bare name ("region") says by what the training data can be cut, and nothing of its values.
    stated = {name for name, equals, _ in (one.partition("=") for one in trained) if equals}
    missing = sorted(one for one in serving - set(trained) if one.partition("=")[0] in stated)
    unsaid = sorted({one.partition("=")[0] for one in serving} - stated)
    if missing:
        yield Hit("data.slices", f"{', '.join(missing[:5])} missing from the training data", WARN, PASS)
    elif unsaid:
        why, then = "Its metadata does not say.", f"state them in the metadata, like {unsaid[0]}=VALUE"
        hit = ruling(Verdict.UNKNOWN, why, then, Level.NONE)
        yield Hit("data.slices", f"Which values of {', '.join(unsaid[:5])} it was trained on is not known", hit, PASS)


def d3_slice_shares(case: Case) -> Iterator[Hit]:
    if case.data is None:
        return
    moved = [s for s, (a, b) in sorted(case.data.slice_shares.items()) if abs(a - b) > case.data.slice_limit]
    if moved:
        a, b = case.data.slice_shares[moved[0]]
        yield Hit("data.slice_shares", f"The share of {moved[0]} moved", WARN, INFO, f"{a:.1%}", f"{b:.1%}")


def d4_validation_time(case: Case) -> Iterator[Hit]:
    """A part that was drawn at random ends about where the training data ends: its beginning tells."""
    data, new = case.data, case.candidate
    told = new if data is None or (data.validation_until_s is None and data.validation_from_s is None) else data
    first, last, until = told.validation_from_s, told.validation_until_s, new.data_until_s
    influenced = new.time_influenced if data is None or data.time_influenced is None else data.time_influenced
    if influenced is False:
        return
    if until is not None and last is not None and last <= until:
        title = "The validation data is not newer than the training data"
        yield Hit("data.validation", title, WARN, None, _day(last), _day(until))
    elif until is not None and first is not None and first < until:
        title = "The validation data begins before the training data ends"
        yield Hit("data.validation", title, WARN, None, _day(first), _day(until))
    elif influenced and (until is None or (first is None and last is None)):
        side = "training" if until is None else "validation"
        why = f"It is influenced by time, and of when its {side} data is nothing is stated."
        fix = "state data_until and validation_from in the metadata"
        hit = ruling(Verdict.UNKNOWN, why, fix, Level.NONE)
        yield Hit("data.validation", "Whether it was validated on newer data is not known", hit, None)


def _golden(case: Case) -> tuple[GoldenFacts | None, GoldenFacts | None]:
    return case.new.golden, case.old.golden


def q1_critical(case: Case) -> Iterator[Hit]:
    new, old = _golden(case)
    rulings: list[Ruling | None] = []
    for facts, verdict in ((new, Verdict.BLOCK), (old, Verdict.WARN)):
        if facts is None:
            rulings.append(None)
        elif facts.critical_failed:
            why = f"{len(facts.critical_failed)} failed: {', '.join(facts.critical_failed[:5])}."
            rulings.append(ruling(verdict, why, level=Level.PROBED))
        else:
            rulings.append(PASS)
    if any(r is not None and r is not PASS for r in rulings):
        yield Hit("golden.critical", "A critical golden item fails", rulings[0], rulings[1])


def _floor(facts: GoldenFacts) -> float | None:
    """The declared minimum, else the worst of the earlier good generations."""
    if facts.minimum is not None:
        return facts.minimum
    return min(facts.history) if facts.history else None


def q2_golden_score(case: Case) -> Iterator[Hit]:
    rulings: list[Ruling | None] = []
    texts: list[str] = []
    for facts, verdict in zip(_golden(case), (Verdict.BLOCK, Verdict.WARN), strict=True):
        texts.append("" if facts is None or facts.score is None else f"{facts.score:.1%} of {facts.n}")
        if facts is None:
            rulings.append(None)
            continue
        floor = _floor(facts)
        if facts.score is None or facts.n == 0:
            rulings.append(ruling(Verdict.UNKNOWN, "The golden set was not answered.", "replay it", Level.NONE))
        elif floor is None:
            why = f"{facts.score:.1%} right, and no score of earlier generations to hold it to."
            rulings.append(ruling(Verdict.UNKNOWN, why, "give the golden set a minimum score", Level.NONE))
        elif facts.score < floor:
            before = "" if facts.previous_score is None else f" The version before had {facts.previous_score:.1%}."
            why = f"{facts.score:.1%} right of {facts.n}; at least {floor:.1%} is expected.{before}"
            rulings.append(ruling(verdict, why, level=Level.PROBED))
        else:
            rulings.append(PASS)
    verdicts = {r.verdict for r in rulings if r is not None}
    if verdicts - {Verdict.PASS}:
        title = (
            "The golden score is too low"
            if verdicts & {Verdict.BLOCK, Verdict.WARN}
            else "The golden score is not known"
        )
        yield Hit("golden.score", title, rulings[0], rulings[1], *texts)


def q3_blessed(case: Case) -> Iterator[Hit]:
    quality = case.quality
    if quality is not None and (quality.blessed is not True or quality.has_thresholds is False):
        why = "It was validated without thresholds." if quality.blessed else "No validation has blessed it."
        hit = ruling(Verdict.UNKNOWN, why, "run the validation with thresholds", Level.NONE)
        yield Hit("quality.blessing", "The candidate is not blessed", hit, None)


def q4_evaluators(case: Case) -> Iterator[Hit]:
    verdict = case.quality.evaluators if case.quality else None
    if verdict in ("worse", "inconclusive", "none"):
        title = {
            "worse": "Evaluators find it worse",
            "inconclusive": "Evaluators cannot tell",
            "none": "No evaluator has judged it",
        }[verdict]
        yield Hit("quality.evaluators", title, BLOCK if verdict == "worse" else WARN, None, verdict)


def q5_overfit(case: Case) -> Iterator[Hit]:
    quality = case.quality
    if quality is None or quality.offline_metric is None or quality.canary_metric is None:
        return
    if quality.offline_metric - quality.canary_metric > quality.overfit_gap:
        texts = f"{quality.offline_metric:.3f} offline", f"{quality.canary_metric:.3f} in the canary"
        yield Hit("quality.overfit", "Much better offline than in the canary", WARN, None, *texts)


def p1_policy(case: Case) -> Iterator[Hit]:
    operation = case.operation
    if operation is None:
        return
    for what, text in (
        ("freeze", operation.freeze),
        ("approval", operation.missing_approval),
        ("protected", operation.protected),
    ):
        if text:
            fix = "wait, get the approval, or break the glass with a reason"
            title = {
                "freeze": "A freeze is on",
                "approval": "An approval is missing",
                "protected": "A protected context",
            }[what]
            yield Hit(f"policy.{what}", title, ruling(Verdict.BLOCK, text, fix), PASS)


def p2_quarantine(case: Case) -> Iterator[Hit]:
    held = case.operation.quarantined if case.operation else {}
    new, old = (
        held.get(case.candidate.version or ""),
        held.get(case.current.version or "") if case.has_current else None,
    )
    if new is not None or old is not None:
        rulings = [
            None if text is None else ruling(Verdict.BLOCK, f"It is quarantined: {text or 'no reason was given'}.")
            for text in (new, old)
        ]
        who = case.new_label if new is not None else case.old_label
        yield Hit("policy.quarantine", f"{who} is quarantined", rulings[0], rulings[1])


def p3_drill(case: Case) -> Iterator[Hit]:
    age = case.operation.drill_age_days if case.operation else None
    if age is not None and age > case.limits.drill_age_days:
        yield Hit("policy.drill", f"The last rollback drill was {age:.0f} days ago", WARN, INFO)
