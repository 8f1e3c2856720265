"""The mirror law: rolling back b over a asks the same mechanical question as deploying a over b."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Direction, Report, Verdict
from mlcontrol.core.signature import Domain, Field, Signature

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
    required = draw(st.booleans())
    return Field(
        name,
        draw(st.sampled_from(TYPES)),
        draw(st.sampled_from([(-1, 4), (-1, -1), (-1, 5), (-1, 4, 4), (1, 4), (-1,)])) if tensor else (-1,),
        required=required,
        nullable=not required or draw(st.booleans()),
        domain=draw(DOMAINS),
        semantic=draw(st.sampled_from([None, "money", "postal_code"])),
        tensor=tensor,
    )


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    names = draw(st.lists(st.sampled_from("abcde"), unique=True, max_size=5))
    return Signature("m", inputs=tuple(draw(fields(n)) for n in names), outputs=(Field("y", "float64", (-1,)),))


def blocked(report: Report, direction: Direction) -> set[str]:
    """What cannot be read in this direction. A rename concerns both names, so both are counted out."""
    renames = {f.subject for f in report.findings if f.rule == "I6"}
    return {
        f.subject
        for f in report.findings
        if f.direction is direction and f.verdict is Verdict.BLOCK and f.subject not in renames
    }


def rename_free(*reports: Report) -> bool:
    return not any(f.rule == "I6" for report in reports for f in report.findings)


@given(signatures(), signatures(), st.sampled_from(sorted(READERS)))
def test_rolling_back_is_deploying_the_other_way(a: Signature, b: Signature, reader: str) -> None:
    there = compare(b, a, READERS[reader])
    back = compare(a, b, READERS[reader])
    if rename_free(there, back):
        assert blocked(there, Direction.ROLLBACK) == blocked(back, Direction.DEPLOY)
        assert blocked(there, Direction.DEPLOY) == blocked(back, Direction.ROLLBACK)
    else:
        assert Verdict.BLOCK in (there.deploy, there.rollback)
        assert Verdict.BLOCK in (back.deploy, back.rollback)


@given(signatures(), st.sampled_from(sorted(READERS)))
def test_a_version_replaces_itself(a: Signature, reader: str) -> None:
    report = compare(a, a, READERS[reader])
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
