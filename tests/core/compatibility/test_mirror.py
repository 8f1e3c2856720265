"""The mirror law: rolling back b over a asks the same mechanical question as deploying a over b."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import Phase, given, seed, settings, strategies as st

from mlcontrol.core.compatibility import check
from mlcontrol.core.compatibility.case import Case, Hit
from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Direction, Report, Verdict
from mlcontrol.core.compatibility.table import RULES
from mlcontrol.core.signature import Domain, Field, Runtime, Signature

TYPES = ("int32", "int64", "uint8", "float16", "float32", "float64", "string", "bool", "datetime")
DOMAINS = st.one_of(
    st.none(),
    st.builds(Domain, st.just(None), st.sampled_from([None, 0.0, 1.0]), st.sampled_from([None, 5.0, 9.0])),
    st.builds(Domain, st.permutations(("p", "q", "r")).map(tuple)),
    st.just(Domain(("p", "q"))),
)


@st.composite
def fields(draw: st.DrawFn, name: str) -> Field:
    tensor = draw(st.booleans())
    required = draw(st.sampled_from([True, True, False, False, None]))
    return Field(
        name,
        draw(st.sampled_from(TYPES)),
        draw(st.sampled_from([(-1, 4), (-1, -1), (-1, 5), (-1, 4, 4), (1, 4), (-1,)])) if tensor else (-1,),
        required=required,
        nullable=draw(st.sampled_from([True, False, None])),
        domain=draw(DOMAINS),
        semantic=draw(st.sampled_from([None, "money", "postal_code"])),
        tensor=tensor,
    )


MADE_WITH = Runtime("sklearn", "1.5.0", format="pickle")


@st.composite
def wide_signatures(draw: st.DrawFn) -> Signature:
    """One input and one output under one name, different in whatever a rule of a mirrored pair looks at."""
    required = draw(st.booleans())
    shape = draw(st.sampled_from([(-1, 4), (-1, -1)]))
    one = Field(
        "a", draw(st.sampled_from(["int32", "int64"])), shape, required, not required,
        domain=draw(st.sampled_from([None, Domain(None, 0.0, 5.0), Domain(None, 0.0, 9.0), Domain(("p", "q")), Domain(("p",))])),
        tensor=False,
    )  # fmt: skip
    return Signature("m", inputs=(one,), outputs=(Field("y", "float64", (-1,)),), runtime=MADE_WITH)


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    names = draw(st.lists(st.sampled_from("abcde"), unique=True, max_size=5))
    inputs = tuple(draw(fields(n)) for n in names)
    return Signature("m", inputs=inputs, outputs=(Field("y", "float64", (-1,)),), runtime=MADE_WITH)


def judged(report: Report, direction: Direction, verdict: Verdict) -> set[str]:
    """What cannot be read, or not be known to be, in this direction. A rename concerns both names, so both are counted out."""
    renames = {f.subject for f in report.findings if f.rule == "I6"}
    return {
        f.subject
        for f in report.findings
        # Meaning that nobody stated before is no loss when it is stated for the first time (I27): that has no mirror.
        if f.direction is direction
        and f.verdict is verdict
        and f.subject not in renames
        and (f.rule != "I27" or verdict is Verdict.BLOCK)
        and f.rule != "R13"  # of the reader, and milder on the way back by the table
    }


# The pairs of rules that are one question seen from its two ends.
MIRRORED = (("I9", "I11"), ("I13", "I14"), ("I15", "I16"), ("I18", "I19"), ("I20", "I21"))


def law_holds(there: Report, back: Report) -> bool:
    """``there``: b over a; ``back``: a over b. The mechanical answers are the same, whichever way they are asked."""
    return all(
        judged(there, mine, verdict) == judged(back, other, verdict)
        for verdict in (Verdict.BLOCK, Verdict.UNKNOWN)
        for mine, other in ((Direction.ROLLBACK, Direction.DEPLOY), (Direction.DEPLOY, Direction.ROLLBACK))
    )


def rename_free(*reports: Report) -> bool:
    return not any(f.rule == "I6" for report in reports for f in report.findings)


@given(signatures(), signatures(), st.sampled_from(sorted(READERS)))
def test_rolling_back_is_deploying_the_other_way(a: Signature, b: Signature, reader: str) -> None:
    there = compare(b, a, READERS[reader])
    back = compare(a, b, READERS[reader])
    if rename_free(there, back):
        assert law_holds(there, back)
    else:
        assert Verdict.BLOCK in (there.deploy, there.rollback)
        assert Verdict.BLOCK in (back.deploy, back.rollback)


@given(signatures(), st.sampled_from(sorted(READERS)))
def test_a_version_replaces_itself(a: Signature, reader: str) -> None:
    same = replace(a, digest="sha256:1")
    report = compare(same, same, READERS[reader])
    assert (report.deploy, report.rollback, report.one_way) == (Verdict.PASS, Verdict.PASS, False)


@given(signatures(), signatures(), st.sampled_from(sorted(READERS)))
def test_nothing_passes_that_the_reader_refuses(a: Signature, b: Signature, reader: str) -> None:
    """A deploy that is not blocked: today's callers, sending every field of ``a``, find every field ``b`` needs, in its type."""
    report = compare(b, a, READERS[reader])
    if report.deploy is Verdict.BLOCK:
        return
    sent = {f.name: f for f in a.inputs or ()}
    for wanted in b.inputs or ():
        if wanted.required:
            assert wanted.name in sent
        if wanted.name in sent:
            written = sent[wanted.name]
            one_tensor = wanted.tensor or bool(written.tensor)
            assert READERS[reader].casts(str(written.type), str(wanted.type), one_tensor)
    if READERS[reader].extras == "reject":
        assert set(sent) <= {f.name for f in b.inputs or ()}


@pytest.mark.parametrize(("one", "other"), MIRRORED)
def test_the_law_notices_a_rule_that_looks_one_way_only(one: str, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: with one rule of a pair silenced, some pair of generated signatures breaks the law."""
    pairs: list[tuple[Signature, Signature]] = []

    @settings(max_examples=120, database=None, phases=[Phase.generate])
    @seed(1)
    @given(wide_signatures(), wide_signatures())
    def gather(a: Signature, b: Signature) -> None:
        pairs.append((a, b))

    gather()
    assert all(_law(a, b) for a, b in pairs)
    silenced = tuple(replace(rule, check=_silent) if rule.id == one else rule for rule in RULES)
    monkeypatch.setattr(check, "RULES", silenced)
    assert not all(_law(a, b) for a, b in pairs), (one, other)


def _silent(_case: Case) -> tuple[Hit, ...]:
    return ()


def _law(a: Signature, b: Signature) -> bool:
    """As `law_holds`, for every word that is not "pass": warnings tell of the same mechanical question."""
    there, back = compare(b, a, READERS["mlflow"]), compare(a, b, READERS["mlflow"])
    ends = ((Direction.ROLLBACK, Direction.DEPLOY), (Direction.DEPLOY, Direction.ROLLBACK))
    return all(_spoken(there, mine) == _spoken(back, other) for mine, other in ends)


MIRROR = {a: b for pair in MIRRORED for a, b in (pair, pair[::-1])}


def _spoken(report: Report, direction: Direction) -> set[tuple[str, str]]:
    """(the pair of rules, subject) of every finding of a mirrored pair that is no pass in this direction."""
    return {
        (min(f.rule, MIRROR[f.rule]), f.subject)
        for f in report.findings
        if f.direction is direction and f.rule in MIRROR and f.verdict not in (Verdict.INFO, Verdict.PASS)
    }
