"""Inputs that keep their name and change their meaning, order or preparation: rules I7, I8, I24 to I27, I29."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose

from mlcontrol.core.compatibility.case import BLOCK, INFO, PASS, Case, Hit, ruling
from mlcontrol.core.compatibility.report import Level, Verdict


def _reordered(case: Case) -> bool:
    common = {new.name for new, _ in case.inputs.same}
    a = [n for n in case.inputs.candidate_order if n in common]
    return a != [n for n in case.inputs.current_order if n in common]


def _orders(case: Case) -> tuple[str, str]:
    return ", ".join(case.inputs.candidate_order[:8]), ", ".join(case.inputs.current_order[:8])


def i7_order_by_name(case: Case) -> Iterator[Hit]:
    if not case.by_position and _reordered(case):
        yield Hit("inputs", "The inputs are in another order, and matched by name", PASS, PASS, *_orders(case))


def i8_order_by_position(case: Case) -> Iterator[Hit]:
    if not case.by_position:
        return
    if _reordered(case):
        yield Hit("inputs", "The inputs are in another order, and matched by position", BLOCK, BLOCK, *_orders(case))
    elif _shifted(case):
        why = "An input that came or went before others moves them: their values land in the wrong features without an error."
        hit = ruling(Verdict.BLOCK, why, "add inputs at the end, remove them from the end, or match by name")
        yield Hit("inputs", "The inputs move to other places, and are matched by position", hit, hit, *_orders(case))


def _shifted(case: Case) -> bool:
    places = [{n: i for i, n in enumerate(order)} for order in (case.inputs.candidate_order, case.inputs.current_order)]
    return any(places[0][new.name] != places[1][old.name] for new, old in case.inputs.same)


def i24_preprocessing_outside(case: Case) -> Iterator[Hit]:
    new, old = case.candidate.preprocessing, case.current.preprocessing
    if new is None or old is None:
        stated = new or old
        if stated is not None and not stated.inside:
            why = "One side has its preprocessing outside the model; the other says nothing of its own."
            hit = ruling(Verdict.UNKNOWN, why, "state the preprocessing and its digest on both sides", Level.NONE)
            yield Hit("preprocessing", "The preprocessing is not known on both sides", hit, hit)
        return
    if new.inside and old.inside:
        return
    if new.digest is None or old.digest is None:
        hit = ruling(Verdict.UNKNOWN, "Preprocessing outside the model has no digest.", "state its digest", Level.NONE)
        yield Hit(
            "preprocessing", "The preprocessing cannot be compared", hit, hit, new.digest or "?", old.digest or "?"
        )
    elif new.digest != old.digest:
        title = "The preprocessing outside the model changes"
        yield Hit("preprocessing", title, BLOCK, BLOCK, new.digest, old.digest)


def i25_preprocessing_inside(case: Case) -> Iterator[Hit]:
    new, old = case.candidate.preprocessing, case.current.preprocessing
    if new and old and new.inside and old.inside and new.digest and old.digest and new.digest != old.digest:
        yield Hit("preprocessing", "The preprocessing inside the model changes", INFO, PASS, new.digest, old.digest)


def i26_encoding(case: Case) -> Iterator[Hit]:
    for new, old in case.inputs.same:
        if new.encoding != old.encoding and new.encoding is not None and old.encoding is not None:
            title = f"{new.name} is encoded as {new.encoding}, was {old.encoding}"
            yield Hit(f"inputs.{new.name}", title, BLOCK, BLOCK, new.encoding, old.encoding)


def i27_meaning(case: Case) -> Iterator[Hit]:
    for new, old in (*case.inputs.same, *case.inputs.aliased):
        pairs = [
            (what, a, b)
            for what in ("semantic", "unit", "source", "entity")
            if (a := getattr(new, what)) is not None and (b := getattr(old, what)) is not None and a != b
        ]
        if pairs:
            title = f"{new.name} keeps its name and means something else"
            what, a, b = pairs[0]
            word = {"semantic": "is", "unit": "is in", "source": "comes from", "entity": "describes"}[what]
            why = f"It {word} {a} in {case.new_label} and {b} in {case.old_label}; the server cannot notice."
            hit = ruling(Verdict.BLOCK, why)
            texts = [", ".join(f"{w} {v}" for w, v in ((p[0], p[side]) for p in pairs)) for side in (1, 2)]
            yield Hit(f"inputs.{new.name}", title, hit, hit, *texts)
            continue
        lost = [w for w in ("semantic", "unit") if getattr(new, w) is None and getattr(old, w) is not None]
        if lost and (new.semantic or new.unit or _describes(case)):
            why = f"{case.old_label} states the {' and the '.join(lost)} of {new.name}, {case.new_label} does not."
            hit = ruling(Verdict.UNKNOWN, why, f"state the {lost[0]} of {new.name} in the feature metadata", Level.NONE)
            yield Hit(
                f"inputs.{new.name}", f"What {new.name} means is not known", hit, hit, "not stated", str(old.semantic)
            )


def _describes(case: Case) -> bool:
    """Does the candidate state the meaning of any feature? If not, its source has no room for it (a server's metadata)."""
    return any(f.semantic or f.unit for f in case.candidate.inputs or ())


_RATIOS = (10.0, 100.0, 1000.0, 1024.0, 60.0, 3600.0)


def median_of(statistics: dict[str, object]) -> float | None:
    """The median of a feature's training statistics, if they state it."""
    quantiles = statistics.get("quantiles")
    if isinstance(quantiles, dict):
        value = next((quantiles[k] for k in ("0.5", "0.50", 0.5, "p50", "50") if k in quantiles), None)
    elif isinstance(quantiles, list) and len(quantiles) % 2:
        value = quantiles[len(quantiles) // 2]
    else:
        value = statistics.get("median")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def suspicious_ratio(a: float, b: float) -> float | None:
    """The unit-like factor between two medians (ours: within 2 %), or `None`."""
    if not a or not b or (a > 0) != (b > 0):
        return None
    ratio = max(abs(a / b), abs(b / a))
    return next((r for r in _RATIOS if isclose(ratio, r, rel_tol=0.02)), None)


def i29_scale(case: Case) -> Iterator[Hit]:
    for name, statistics in case.candidate.statistics.items():
        trained = median_of(statistics)
        seen = case.observed.of(name) if case.observed else None
        serving = seen.median if seen else (case.data.serving_medians.get(name) if case.data else None)
        if trained is None or serving is None:
            continue
        ratio = suspicious_ratio(trained, serving)
        if ratio is None:
            continue
        why = f"The median of {name} is {trained:g} in training and {serving:g} in serving: a factor of {ratio:g}."
        level = Level.OBSERVED if seen else Level.DECLARED
        title = f"{name} looks like it is in another unit"
        yield Hit(
            f"inputs.{name}",
            title,
            ruling(Verdict.BLOCK, why, level=level),
            ruling(Verdict.WARN, why, level=level),
            f"median {trained:g}",
            f"median {serving:g}",
        )
