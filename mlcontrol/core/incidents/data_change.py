"""What callers send has changed: which inputs, where, by how much, since when, whom it touches and what it did to the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

SHOWN = 2


class MovedBy(StrEnum):
    TIMES = "times"  # the mean, as a ratio
    SHIFT = "shift"  # the mean, as a difference
    SHARE = "share"  # of the rows that have ``what``
    SHAPE = "shape"  # the mean stayed, the values lie elsewhere: Kolmogorov's D or total variation, without an interval
    OTHER = "other"  # ``what`` says it: a column that is gone, words where numbers were


@dataclass(frozen=True, slots=True)
class MovedInput:
    """One input. ``before``, ``now``: means or shares; ``change``, ``low``..``high``: by ``by``, with 95 %. ``n_before``,
    ``n_now``: answers compared. ``what``: of a share, whose; else in words. ``effect``: 0..1, to rank by."""

    column: str
    by: MovedBy
    n_before: int
    n_now: int
    before: float | None = None
    now: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    what: str = ""
    effect: float = 0.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What the labels say of the answers to what changed, before and since: shares that are right (``classes``), else mean absolute
    errors. ``low``..``high``: 95 %, of the difference of the shares, or of the ratio of the errors. ``wanted``: so few labels tell
    nothing. ``before`` or ``now`` `None`: too few are in."""

    n_before: int
    n_now: int
    wanted: int
    classes: bool = True
    before: float | None = None
    now: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def known(self) -> bool:
        return self.before is not None and self.now is not None and self.low is not None and self.high is not None

    @property
    def worse(self) -> bool:
        """Whether they are surely worse than before."""
        if self.low is None or self.high is None or not self.known:
            return False
        return self.high < 0 if self.classes else self.low > 1


@dataclass(frozen=True, slots=True)
class DataChange:
    """``event``: the timeline's that told it, at ``told_s``; ``title``, ``detail``: its words. ``at_s``, ``low_s``..``high_s``:
    when it began; ``by_rows``: read from the logged rows, else between two looks of the watch. UTC seconds.

    ``where``: the slices that it is confined to ("region south"), empty: everybody. ``touched`` of ``asked``: requests since then.
    ``why``: why nothing could be read from the log. ``ended_s``: when the watch told that it is over. ``others``: services whose
    inputs changed about then, too.
    """

    event: str
    told_s: float
    title: str
    detail: str = ""
    at_s: float = 0.0
    low_s: float = 0.0
    high_s: float = 0.0
    by_rows: bool = False
    inputs: tuple[MovedInput, ...] = ()
    where: tuple[str, ...] = ()
    touched: int = 0
    asked: int = 0
    answers: Answers | None = None
    examples: tuple[str, ...] = ()
    why: str = ""
    ended_s: float | None = None
    others: tuple[str, ...] = ()

    @property
    def share(self) -> float | None:
        return self.touched / self.asked if self.asked else None

    @property
    def place(self) -> str:
        """ "carat in region south": the first of what changed."""
        first = self.inputs[0].column if self.inputs else self.title.partition(": ")[2] or self.title
        return f"{first} in {either(self.where)}" if self.inputs and self.where else first


def either(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{' and '.join(names[:SHOWN])}{more}"


def moved_words(one: MovedInput, where: Sequence[str]) -> str:
    """ "carat in region south is 1.30 times what it was (95 % interval 1.24 to 1.36; 120 answers against 980)"."""
    place = f"{one.column} in {either(where)}" if where else one.column
    compared = f"{_count(one.n_now)} answers against {_count(one.n_before)}"
    if one.by is MovedBy.OTHER or one.before is None or one.now is None or one.change is None:
        return f"{place}: {one.what} ({compared})"
    if one.by is MovedBy.SHAPE:
        said = f"lies elsewhere while its mean stays (largest difference of shares {one.change:.2f}, mean {one.now:.4g}"
        return f"{place} {said}; {compared})"
    interval = f"95 % interval {_between(one)}"
    if one.by is MovedBy.SHARE:
        said = f"{one.what} {100 * one.now:.1f} % of the requests, {100 * one.before:.1f} % before"
        return f"{place}: {said} (change {interval} points; {compared})"
    if one.by is MovedBy.TIMES:
        return f"{place} is {one.change:.3g} times what it was ({interval}; {compared})"
    return f"{place} moved by {one.change:+.3g} from {one.before:.4g} ({interval}; {compared})"


def answers_words(answers: Answers | None, where: Sequence[str]) -> str:
    """What it does to the answers, as far as labels tell; never more."""
    if answers is None:
        return "no labels tell what it does to the answers"
    there = " there" if where else ""
    if not answers.known:
        if answers.n_before < answers.wanted:
            return f"what it does to the answers is not known: {answers.n_before} labels from before are too few"
        return (
            f"labels are not in yet ({min(answers.n_now, answers.wanted)} of the {answers.wanted} that tell something)"
        )
    assert answers.before is not None
    assert answers.now is not None
    assert answers.low is not None
    assert answers.high is not None
    labels = f"{_count(answers.n_now)} labels"
    if answers.classes:
        said = f"{100 * answers.now:.0f} % of the answers{there} are right, {100 * answers.before:.0f} % before"
        interval = f"{labels}; change {100 * answers.low:+.0f} to {100 * answers.high:+.0f} points"
    else:
        said = f"the answers{there} miss by {answers.now:.3g} on average, by {answers.before:.3g} before"
        interval = f"{labels}; {answers.low:.2g} to {answers.high:.2g} times"
    sure = "" if answers.worse else ", which may be chance" if _leans_worse(answers) else ", no worse than before"
    return f"{said} ({interval}{sure})"


def _leans_worse(answers: Answers) -> bool:
    assert answers.before is not None
    assert answers.now is not None
    return answers.now < answers.before if answers.classes else answers.now > answers.before


def _between(one: MovedInput) -> str:
    assert one.low is not None
    assert one.high is not None
    if one.by is MovedBy.SHARE:
        return f"{100 * one.low:+.1f} to {100 * one.high:+.1f}"
    if one.by is MovedBy.SHIFT:
        return f"{one.low:+.3g} to {one.high:+.3g}"
    return f"{one.low:.3g} to {one.high:.3g}"


def _count(n: int) -> str:
    return f"{n:,}".replace(",", " ")
