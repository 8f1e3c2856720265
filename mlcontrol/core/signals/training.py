"""Live data against what a version's metadata says of its training data (quantiles and shares, no rows).

Between two stated quantiles lies a stated share of the training data, so the log's share of that stretch can be tested, as counts
of two samples (chi-square of homogeneity), with the greatest distance of the two distribution functions there as effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from mlcontrol.core.signals.distance import corrected, of_counts, share_test
from mlcontrol.core.signals.drift import (
    FALSE_FINDINGS,
    FEWEST,
    LEAST_CATEGORY,
    LEAST_D,
    LEAST_MISSING,
    LEAST_OUTSIDE,
    LEAST_VARIATION,
    Aspect,
    Comparison,
    Judged,
    relevance,
)
from mlcontrol.core.signals.log_columns import Column
from mlcontrol.core.signals.log_rows import Rows
from mlcontrol.core.signals.noise import Floats

Statistics = Mapping[str, Mapping[str, object]]
TOLD_APART_BY = 16
"""So many columns are enough to see that two requests are one."""
OFTEN = 1e-3
"""A category that training had more rarely may be absent from a few thousand rows."""


def against_training(statistics: Statistics, rows: Rows) -> tuple[Comparison, ...]:
    """One for each aspect of each feature that both sides have. A feature of a table that the log lacks altogether is a finding."""
    raw: list[Comparison] = []
    weight = evidence_of_one(rows, statistics)
    for name, told in statistics.items():
        if not isinstance(told, Mapping):  # written by whoever made the model, and read as it is
            why = "what the metadata says of its training data cannot be read"
            raw.append(Comparison(name, Aspect.DISTRIBUTION, 0, rows.log.rows, why=why))
            continue
        column = rows.log.columns.get(name)
        if column is None:
            why = "the training data has it and no request does"
            raw.append(
                Comparison(
                    name, Aspect.GONE_COLUMN, 0, rows.log.rows, judged=Judged.DRIFT, effect=1.0, harm=1.0, why=why
                )
            )
            continue
        raw += _feature(name, told, column, rows.vectors.get(name), weight)
    return _judged(raw, rows)


def evidence_of_one(rows: Rows, names: Iterable[str]) -> float:
    """What one request weighs as evidence, 0..1: less than 1 where whole requests come again more often than chance would have
    them. A batch job that sends the same hundred rows all day has told of a hundred. Chance: the same columns, each shuffled."""
    columns = [rows.log.columns[name] for name in names if name in rows.log.columns][:TOLD_APART_BY]
    if len(columns) < 2:
        return 1.0
    codes = [
        np.unique(column.values if column.numeric else column.values.astype(str), return_inverse=True)[1]
        for column in columns
    ]
    rng = np.random.default_rng(0)
    come, by_chance = (
        len(np.unique(np.stack(found, axis=1), axis=0)) for found in (codes, [rng.permutation(c) for c in codes])
    )
    return min(1.0, come / by_chance)


def _feature(
    name: str, told: Mapping[str, object], column: Column, vector: Floats | None, weight: float
) -> Iterator[Comparison]:
    n, m = round(_number(told.get("count")) or 0), column.rows
    if n < FEWEST or weight * m < FEWEST:
        yield Comparison(name, Aspect.DISTRIBUTION, n, m, why=f"fewer than {FEWEST} rows are too few to tell")
        return
    gaps = _number(told.get("missing_share"))
    if gaps is not None and vector is None:
        yield _missing(name, gaps, n, column, weight)
    if isinstance(told.get("categories"), Mapping):
        yield from _categories(name, told["categories"], n, column, weight)  # type: ignore[arg-type]
    elif isinstance(told.get("quantiles"), Mapping) and column.numeric:
        yield from _numbers(name, told, n, column, vector, weight)
    fill = _number(told.get("imputed_with"))
    if fill is not None and column.numeric and vector is None and column.known >= FEWEST:
        yield _imputed(name, fill, _number(told.get("imputed_share")), n, column, weight)


def _imputed(name: str, fill: float, share: float | None, n: int, column: Column, weight: float) -> Comparison:
    """How often the value that training filled gaps with stands where a known one should."""
    m, many = column.known, int(np.count_nonzero(column.numbers() == fill))
    if share is None:
        why = f"training filled gaps with {fill:g} and does not say how many; {100 * many / m:.1f} % now"
        return Comparison(name, Aspect.FILLED, n, m, after=many / m, why=why)
    return Comparison(
        name, Aspect.FILLED, n, m, p_value=share_test(round(share * n), n, round(weight * many), round(weight * m)),
        measure="share", effect=abs(many / m - share), least=LEAST_MISSING, before=share, after=many / m, names=(f"{fill:g}",),
        why=f"filled in with {fill:g}: {100 * share:.1f} % in training, {100 * many / m:.1f} % now",
    )  # fmt: skip


def _missing(name: str, gaps: float, n: int, column: Column, weight: float) -> Comparison:
    m, now = column.rows, column.rows - column.known
    p_value = share_test(round(gaps * n), n, round(weight * now), round(weight * m))
    return Comparison(
        name, Aspect.MISSING, n, m, p_value=p_value, measure="share",
        effect=abs(now / m - gaps), least=LEAST_MISSING, before=gaps, after=now / m,
        why=f"missing: {100 * gaps:.1f} % in training, {100 * now / m:.1f} % now",
    )  # fmt: skip


def _numbers(
    name: str, told: Mapping[str, object], n: int, column: Column, vector: Floats | None, weight: float
) -> Iterator[Comparison]:
    quantiles = told["quantiles"]
    assert isinstance(quantiles, Mapping)
    read = ((_share(q), _number(v)) for q, v in quantiles.items())
    marks = sorted((q, v) for q, v in read if q is not None and v is not None)
    values = vector if vector is not None else column.numbers()
    # The values of one vector hang together: they weigh as many as there are vectors.
    rows = column.known
    if values.size == 0 or rows < FEWEST:
        return
    if len(marks) < 2 or any(b < a for (_, a), (_, b) in pairwise(marks)):
        yield Comparison(name, Aspect.DISTRIBUTION, n, rows, why="the quantiles of its training data cannot be read")
        return
    inner, shares = _bins(marks)
    counted = np.bincount(np.searchsorted(inner, values, side="left"), minlength=inner.size + 1) / values.size
    if vector is not None:
        n = round(n / max(1.0, values.size / rows))
    far = of_counts(np.round(shares * n).astype(np.int64), np.round(counted * rows * weight).astype(np.int64))
    distance, furthest = _furthest(marks, values)
    middle = next((v for q, v in marks if q == 0.5), None)
    now = float(np.median(values))
    was = f"median {middle:.4g} in training, {now:.4g} now" if middle is not None else f"median {now:.4g} now"
    if middle is not None and f"{middle:.4g}" == f"{now:.4g}":
        was = furthest
    yield Comparison(
        name, Aspect.DISTRIBUTION, n, rows, p_value=far.p_value, measure="ks", effect=distance, least=LEAST_D,
        distance=far, before=middle, after=now, why=was,
    )  # fmt: skip
    low, high = _number(told.get("min")), _number(told.get("max"))
    if low is not None and high is not None:
        outside = float(np.mean((values < low) | (values > high)))
        yield Comparison(
            name, Aspect.OUT_OF_RANGE, n, rows, p_value=share_test(2, n + 1, round(outside * rows * weight), round(rows * weight)),
            measure="share", effect=outside, least=LEAST_OUTSIDE, before=0.0, after=outside,
            why=f"{100 * outside:.1f} % lie outside the {low:.6g} to {high:.6g} of training",
        )  # fmt: skip


def _furthest(marks: Sequence[tuple[float, float]], values: Floats) -> tuple[float, str]:
    """The greatest distance between the two distribution functions that the quantiles of training prove, and where it is.

    A quantile v of share q says that at most q lie below v and at least q up to it. Where many readings share one value (whole
    numbers, black pixels) both hold at once over a wide range of q, and only what lies outside that range is a difference.
    """
    worst, words = 0.0, "as in training"
    for share, value in marks:
        below, up_to = float(np.mean(values < value)), float(np.mean(values <= value))
        gap = max(below - share, share - up_to)
        if gap > worst:
            now = below if below > share else up_to
            side = "below" if below > share else "up to"
            worst, words = gap, f"{100 * share:.0f} % {side} {value:.4g} in training, {100 * now:.0f} % now"
    return worst, words


def _bins(marks: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    """Edges, and the share of training between them. Quantiles of one value (most pixels are 0) are one edge: values up to it."""
    edges: list[float] = []
    at: list[float] = []
    for share, value in marks:
        if edges and value == edges[-1]:
            at[-1] = share
        else:
            edges.append(value)
            at.append(share)
    steps = [at[0], *(b - a for a, b in pairwise(at)), 1.0 - at[-1]]
    return np.asarray(edges), np.asarray(steps)


def _categories(name: str, told: Mapping[str, object], n: int, column: Column, weight: float) -> Iterator[Comparison]:
    words = column.words_known() if not column.numeric else np.array([f"{v:g}" for v in column.numbers()], dtype=object)
    if words.size < FEWEST:
        return
    shares = {str(k): share for k, v in told.items() if (share := _number(v)) is not None and 0 <= share <= 1}
    if not shares:
        why = "the shares of its training data's categories cannot be read"
        yield Comparison(name, Aspect.DISTRIBUTION, n, int(words.size), why=why)
        return
    names = sorted(set(shares) | set(words.tolist()))
    index = {w: i for i, w in enumerate(names)}
    before = np.round([shares.get(w, 0.0) * n for w in names]).astype(np.int64)
    after = np.bincount([index[w] for w in words.tolist()], minlength=len(names)).astype(np.int64)
    far = of_counts(before, np.round(after * weight).astype(np.int64))
    moved = after / after.sum() - before / max(before.sum(), 1)
    most = int(np.argmax(np.abs(moved)))
    m = int(after.sum())
    yield Comparison(
        name, Aspect.DISTRIBUTION, n, m, p_value=far.p_value, measure="total_variation", effect=far.effect,
        least=LEAST_VARIATION, distance=far, names=(names[most],),
        why=f"{names[most]}: {100 * before[most] / max(before.sum(), 1):.1f} % in training, {100 * after[most] / m:.1f} % now",
    )  # fmt: skip
    new = [w for w in names if w not in shares]
    if new:
        many = int(sum(after[index[w]] for w in new))
        yield Comparison(
            name, Aspect.NEW_CATEGORY, n, m, p_value=share_test(0, n, round(weight * many), round(weight * m)),
            measure="share", effect=many / m, least=LEAST_CATEGORY, after=many / m, names=tuple(new),
            why=f"never in training: {', '.join(new[:5])} ({100 * many / m:.1f} %)",
        )  # fmt: skip
    gone = [w for w in names if after[index[w]] == 0 and shares.get(w, 0.0) > OFTEN]
    if gone:
        share = sum(shares[w] for w in gone)
        yield Comparison(
            name, Aspect.GONE_CATEGORY, n, m, p_value=share_test(round(share * n), n, 0, round(weight * m)),
            measure="share", effect=share, least=LEAST_CATEGORY, before=share, names=tuple(gone),
            why=f"in training and not here: {', '.join(gone[:5])} ({100 * share:.1f} % there)",
        )  # fmt: skip


def _judged(raw: list[Comparison], rows: Rows) -> tuple[Comparison, ...]:
    """Ranked as `drift.compare` does: what hardly goes with the answers does little harm."""
    weight = {name: relevance(rows.log, name) for name in {c.column for c in raw} if name in rows.log.columns}
    tested = [i for i, c in enumerate(raw) if c.p_value is not None]
    q_values = corrected(np.array([raw[i].p_value for i in tested], dtype=np.float64)) if tested else np.empty(0)
    for i, q in zip(tested, q_values.tolist(), strict=True):
        c = raw[i]
        large = c.effect is not None and c.least is not None and c.effect >= c.least
        judged = Judged.DRIFT if q < FALSE_FINDINGS and large else Judged.NONE
        raw[i] = replace(c, q_value=q, judged=judged, harm=(c.effect or 0.0) * weight.get(c.column, 1.0))
    return tuple(raw)


def _share(name: object) -> float | None:
    """Of a quantile by its name: "0.5", "p50", "q50" and "50%" are the median."""
    text = str(name).strip().casefold()
    bare = text.strip("pq%")
    try:
        share = float(bare) / (1.0 if bare == text else 100.0)
    except ValueError:
        return None
    return share if 0.0 <= share <= 1.0 else None


def _number(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
    return float(value) if known else None  # type: ignore[arg-type]
