"""What has changed between two prediction logs: by column and slice, significant and large enough to matter, likely harm first.

With many columns something always looks significant, and with many rows everything does. So a finding needs both: a false-finding
share (Benjamini & Hochberg over all comparisons) below 5 %, and an effect above the least that matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from mlcontrol.core.signals.compared_as import Compared, compared_as, counted, date_words, renamed
from mlcontrol.core.signals.distance import Distance, corrected, of_counts, of_numbers, one_sided_test, share_test
from mlcontrol.core.signals.filled import filled_in
from mlcontrol.core.signals.log_columns import Column, Log

FEWEST = 30
FALSE_FINDINGS = 0.05
LEAST_D = 0.08
LEAST_VARIATION = 0.05
LEAST_MISSING = 0.02
LEAST_OUTSIDE = 0.01
FAR_WIDTHS = 10.0
"""So many widths of the known range beyond it is another unit or a slip, not a tail: a thousandth of the rows matters."""
LEAST_FAR = 0.001
LEAST_CATEGORY = 0.005
MOST_SLICES = 200
MOST_EFFECT = 2.0
"""For ranking: a hundredth of the traffic is no worse than a quarter of it."""


class Aspect(StrEnum):
    DISTRIBUTION = "distribution"
    PROPORTIONS = "proportions"  # how the slices share the traffic
    MISSING = "missing"
    FILLED = "filled"  # one number stands where many stood
    OUT_OF_RANGE = "out_of_range"
    NEW_CATEGORY = "new_category"
    GONE_CATEGORY = "missing_category"
    GONE_SLICE = "missing_slice"
    NEW_SLICE = "new_slice"
    VOLUME = "volume"
    TYPE = "type"
    GONE_COLUMN = "missing_column"
    NEW_COLUMN = "new_column"


class Judged(StrEnum):
    DRIFT = "drift"
    NONE = "none"
    UNKNOWN = "unknown"  # too little data to tell


@dataclass(frozen=True, slots=True)
class Comparison:
    """``effect`` against ``least``; ``q_value``: after correction. ``before``/``after``: shares or means as the aspect has them.
    ``harm``: effect times the share of traffic times how much the column matters to the output; for ranking only."""

    column: str
    aspect: Aspect
    n_reference: int
    n_log: int
    slice: str | None = None
    p_value: float | None = None
    q_value: float | None = None
    measure: str = ""
    effect: float | None = None
    least: float | None = None
    distance: Distance | None = None
    before: float | None = None
    after: float | None = None
    names: tuple[str, ...] = ()
    judged: Judged = Judged.UNKNOWN
    harm: float = 0.0
    why: str = ""


def compare(
    reference: Log, log: Log, by: str | Sequence[str] | None = None, fewest: int = FEWEST
) -> tuple[Comparison, ...]:
    """All comparisons, findings first, likely harm first among them; `unknown` before `none` after that. ``by``: columns of whose
    values every slice is compared too, each by itself. ``fewest``: rows that a comparison needs."""
    cuts = () if by is None else (by,) if isinstance(by, str) else tuple(by)
    raw = list(_schema(reference, log))
    shared = [name for name in reference.columns if name in log.columns]
    weight = {name: relevance(reference, name) for name in shared}
    inside = [n for n in shared if n not in cuts]
    raw += _slice_of(reference, log, inside, None, fewest)
    for cut in cuts:
        if cut in shared or isinstance(by, str):
            raw += _slices(reference, log, cut, inside, "" if isinstance(by, str) else f"{cut} ", fewest)
    raw += _volume(reference, log)
    tested = [i for i, c in enumerate(raw) if c.p_value is not None]
    q_values = corrected(np.array([raw[i].p_value for i in tested], dtype=np.float64))
    for i, q in zip(tested, q_values.tolist(), strict=True):
        raw[i] = _judge(replace(raw[i], q_value=q))
    ranked = [
        replace(c, harm=min(c.effect or 0.0, MOST_EFFECT) * weight.get(c.column, 1.0) * _share(c, reference, log))
        for c in raw
    ]
    order = {Judged.DRIFT: 0, Judged.UNKNOWN: 1, Judged.NONE: 2}
    return tuple(sorted(ranked, key=lambda c: (order[c.judged], -c.harm, c.column, c.slice or "", c.aspect)))


def _share(c: Comparison, reference: Log, log: Log) -> float:
    """Of the traffic, counted in rows of the log: of a longer reference it is so much more, for each alike."""
    rows = max(reference.rows, log.rows) if c.aspect is Aspect.VOLUME else max(c.n_log, c.n_reference)
    return rows / max(log.rows, 1)


def _judge(c: Comparison) -> Comparison:
    sure = c.q_value is not None and c.q_value < FALSE_FINDINGS
    large = c.effect is not None and c.least is not None and c.effect >= c.least
    return replace(c, judged=Judged.DRIFT if sure and large else Judged.NONE)


def _schema(reference: Log, log: Log) -> Iterator[Comparison]:
    alike = renamed(reference, log)
    for name, column in reference.columns.items():
        if name in log.times:
            yield _found(name, Aspect.TYPE, reference, log, "it held no times and holds times")
        elif name not in log.columns:
            also = f"; {alike[name]}, new in it, is distributed alike" if name in alike else ""
            yield _found(name, Aspect.GONE_COLUMN, reference, log, f"the log has no such column any more{also}")
        elif column.numeric != log.columns[name].numeric and column.known and log.columns[name].known:
            kinds = ["numbers" if c.numeric else "words" for c in (column, log.columns[name])]
            yield _found(name, Aspect.TYPE, reference, log, f"it held {kinds[0]} and holds {kinds[1]}")
    was = {new: old for old, new in alike.items()}
    for name in log.columns:
        if name in reference.times:
            yield _found(name, Aspect.TYPE, reference, log, "it held times and holds none that can be read")
        elif name not in reference.columns:
            also = f"; {was[name]}, gone from the log, was distributed alike" if name in was else ""
            yield _found(name, Aspect.NEW_COLUMN, reference, log, f"the reference has no such column{also}")


def _found(name: str, aspect: Aspect, reference: Log, log: Log, why: str) -> Comparison:
    return Comparison(name, aspect, reference.rows, log.rows, effect=1.0, least=0.0, judged=Judged.DRIFT, why=why)


def _slices(reference: Log, log: Log, by: str, shared: Sequence[str], head: str, fewest: int) -> Iterator[Comparison]:
    """``head``: before the name of each slice, where there are several cuts."""
    before, after = reference.columns[by].words(), log.columns[by].words()
    names, counts = counted(before, after)
    if min(counts[0].sum(), counts[1].sum()) < fewest:
        yield Comparison(by, Aspect.PROPORTIONS, int(counts[0].sum()), int(counts[1].sum()), why="too few rows to tell")
        return
    yield _proportions(by, names, counts)
    n, m = (int(one.sum()) for one in counts)
    for name, had, has in zip(names, counts[0].tolist(), counts[1].tolist(), strict=True):
        if not had or not has:
            aspect, verb = (Aspect.GONE_SLICE, "gone") if had else (Aspect.NEW_SLICE, "new")
            yield Comparison(
                by,
                aspect,
                had,
                has,
                slice=head + name,
                p_value=share_test(had, n, has, m),
                measure="share",
                effect=abs(had / n - has / m),
                least=LEAST_CATEGORY,
                before=had / n,
                after=has / m,
                names=(name,),
                why=f"{by} {name} is {verb}: {100 * had / n:.1f} % before, {100 * has / m:.1f} % now",
            )
    common = [name for name, had, has in zip(names, *map(np.ndarray.tolist, counts), strict=True) if had and has]
    for name in sorted(common, key=lambda one: -counts[1][names.index(one)])[:MOST_SLICES]:
        part, whole = reference.where(before == name), log.where(after == name)
        yield from _slice_of(part, whole, shared, head + name, fewest)


def _slice_of(reference: Log, log: Log, shared: Sequence[str], name: str | None, fewest: int) -> Iterator[Comparison]:
    for column in shared:
        yield from _column(column, reference.columns[column], log.columns[column], name, fewest)


def _column(name: str, before: Column, after: Column, part: str | None, fewest: int) -> Iterator[Comparison]:
    n, m = before.rows, after.rows
    if min(n, m) < fewest:
        yield Comparison(name, Aspect.DISTRIBUTION, n, m, part, why=f"{min(n, m)} rows are too few to tell")
        return
    yield _missing(name, before, after, part)
    if min(before.known, after.known) < fewest:
        few = min(before.known, after.known)
        yield Comparison(
            name, Aspect.DISTRIBUTION, before.known, after.known, part, why=f"{few} values are too few to tell"
        )
    elif (kind := compared_as(before, after)) is Compared.NUMBERS:
        form = date_words if before.dates and after.dates else "{:.4g}".format
        yield from _numbers(name, before.numbers(), after.numbers(), part, form)
    elif kind is Compared.CATEGORIES:
        yield from _categories(name, before.words_known(), after.words_known(), part)


def _missing(name: str, before: Column, after: Column, part: str | None) -> Comparison:
    n, m, gone, gaps = before.rows, after.rows, before.rows - before.known, after.rows - after.known
    return Comparison(
        name,
        Aspect.MISSING,
        n,
        m,
        part,
        p_value=share_test(gone, n, gaps, m),
        measure="share",
        effect=abs(gaps / m - gone / n),
        least=LEAST_MISSING,
        before=gone / n,
        after=gaps / m,
        why=f"missing: {100 * gone / n:.1f} % before, {100 * gaps / m:.1f} % now",
    )


def _numbers(
    name: str, before: np.ndarray, after: np.ndarray, part: str | None, form: Callable[[float], str]
) -> Iterator[Comparison]:
    far = of_numbers(before, after)
    yield Comparison(
        name,
        Aspect.DISTRIBUTION,
        before.size,
        after.size,
        part,
        p_value=far.p_value,
        measure="ks",
        effect=far.effect,
        least=LEAST_D,
        distance=far,
        before=float(np.mean(before)),
        after=float(np.mean(after)),
        why=f"mean {form(np.mean(before))} before, {form(np.mean(after))} now; "
        f"median {form(np.median(before))}, {form(np.median(after))}",
    )
    filled = filled_in(before, after)
    if filled is not None:
        yield Comparison(
            name,
            Aspect.FILLED,
            before.size,
            after.size,
            part,
            p_value=filled.p_value,
            measure="share",
            effect=filled.after - filled.before,
            least=LEAST_MISSING,
            before=filled.before,
            after=filled.after,
            names=(form(filled.value),),
            why=f"exactly {form(filled.value)}: {100 * filled.before:.1f} % before, {100 * filled.after:.1f} % now, as filled in",
        )
    low, high = float(before.min()), float(before.max())
    outside, least, where = int(np.count_nonzero((after < low) | (after > high))), LEAST_OUTSIDE, "outside"
    reach = FAR_WIDTHS * (high - low)
    far_out = int(np.count_nonzero((after < low - reach) | (after > high + reach)))
    if outside < LEAST_OUTSIDE * after.size and reach > 0 and far_out >= LEAST_FAR * after.size:
        outside, least, where = far_out, LEAST_FAR, f"more than {FAR_WIDTHS:.0f} times its width outside"
    # Of a new sample from the same law, 2/(n+1) is expected beyond the extremes of n: as if seen in a reference one larger.
    yield Comparison(
        name,
        Aspect.OUT_OF_RANGE,
        before.size,
        after.size,
        part,
        p_value=share_test(2, before.size + 1, outside, after.size),
        measure="share",
        effect=outside / after.size,
        least=least,
        before=0.0,
        after=outside / after.size,
        why=f"{100 * outside / after.size:.3g} % lie {where} {form(low)} to {form(high)}",
    )


def _categories(name: str, before: np.ndarray, after: np.ndarray, part: str | None) -> Iterator[Comparison]:
    names, counts = counted(before, after)
    yield replace(_proportions(name, names, counts), aspect=Aspect.DISTRIBUTION, slice=part)
    n, m = (int(one.sum()) for one in counts)
    for aspect, mine, other in (
        (Aspect.NEW_CATEGORY, counts[1], counts[0]),
        (Aspect.GONE_CATEGORY, counts[0], counts[1]),
    ):
        only = [i for i in range(len(names)) if mine[i] and not other[i]]
        if not only:
            continue
        many, of = int(mine[only].sum()), m if aspect is Aspect.NEW_CATEGORY else n
        listed = tuple(names[i] for i in sorted(only, key=lambda i: -mine[i])[:20])
        word = "new" if aspect is Aspect.NEW_CATEGORY else "gone"
        yield Comparison(
            name,
            aspect,
            n,
            m,
            part,
            p_value=one_sided_test(mine, other, n / (n + m) if aspect is Aspect.GONE_CATEGORY else m / (n + m)),
            measure="share",
            effect=many / of,
            least=LEAST_CATEGORY,
            before=0.0 if word == "new" else many / of,
            after=many / of if word == "new" else 0.0,
            names=listed,
            why=f"{word}: {', '.join(listed[:5])} ({100 * many / of:.1f} %)",
        )


def _proportions(name: str, names: list[str], counts: tuple[np.ndarray, np.ndarray]) -> Comparison:
    far = of_counts(*counts)
    n, m = (int(one.sum()) for one in counts)
    moved = counts[1] / m - counts[0] / n
    most = int(np.argmax(np.abs(moved)))
    return Comparison(
        name,
        Aspect.PROPORTIONS,
        n,
        m,
        p_value=far.p_value,
        measure="total_variation",
        effect=far.effect,
        least=LEAST_VARIATION,
        distance=far,
        before=float(counts[0][most] / n),
        after=float(counts[1][most] / m),
        names=(names[most],),
        why=f"{names[most]}: {100 * counts[0][most] / n:.1f} % before, {100 * counts[1][most] / m:.1f} % now",
    )


def _volume(reference: Log, log: Log) -> Iterator[Comparison]:
    """Rows an hour, where both logs have times and at least a day's worth of them."""
    if reference.times_s is None or log.times_s is None:
        return
    hours = [_per_hour(one.times_s) for one in (reference, log) if one.times_s is not None]
    if min(one.size for one in hours) < 12:
        yield Comparison(
            "(rows)", Aspect.VOLUME, hours[0].size, hours[1].size, why="fewer than 12 whole hours are too few to tell"
        )
        return
    from scipy.stats import mannwhitneyu

    before, after = (float(np.median(one)) for one in hours)
    yield Comparison(
        "(rows)",
        Aspect.VOLUME,
        hours[0].size,
        hours[1].size,
        p_value=float(mannwhitneyu(hours[0], hours[1]).pvalue),
        measure="ratio",
        effect=abs(float(np.log2(max(after, 0.5) / max(before, 0.5)))),
        least=0.5,
        before=before,
        after=after,
        why=f"{before:.0f} rows an hour before, {after:.0f} now",
    )


def _per_hour(times_s: np.ndarray) -> np.ndarray:
    hours = (times_s[np.isfinite(times_s)] // 3600).astype(np.int64)
    if hours.size == 0:
        return np.empty(0, dtype=np.int64)
    counts = np.bincount(hours - hours.min())
    return np.asarray(counts[1:-1])  # the first and the last are cut


def relevance(log: Log, name: str) -> float:
    """How much a column goes with the output in the reference: 0.3 when not at all, to 1. Outputs themselves count fully."""
    target = log.output()
    column = log.columns[name]
    if target is None or column.is_output:
        return 1.0
    values = target.numbers_or_codes()
    groups = column.groups()
    known = np.isfinite(values) & (groups >= 0)
    if np.count_nonzero(known) < FEWEST:
        return 1.0
    values, groups = values[known], groups[known]
    sizes = np.bincount(groups)
    means = np.divide(np.bincount(groups, weights=values), sizes, out=np.zeros(sizes.size), where=sizes > 0)
    whole = float(np.var(values))
    # The correlation ratio: which share of the output's variance the column's groups explain.
    explained = float(np.sum(sizes * (means - values.mean()) ** 2)) / values.size / whole if whole > 0 else 0.0
    return 0.3 + 0.7 * float(np.sqrt(min(max(explained, 0.0), 1.0)))
