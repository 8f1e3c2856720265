"""A scrape read by its layout says what `prometheus_client` says of it, whatever has changed in it since the one before."""

from __future__ import annotations

import gc
from dataclasses import dataclass

import pytest
from hypothesis import given, settings, strategies as st

from mlcontrol.adapters.metrics import text_format
from mlcontrol.adapters.metrics.text_format import RARELY, TextParser
from mlcontrol.adapters.metrics.text_layout import Layout
from tests.adapters.test_text_format import COMMENTS, VALUES, lines, ours, parser, sensible, theirs

Lines = list[str]
Edit = tuple[str, float, str]  # what, where as a share of the text, and the line or value that it brings


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    what = draw(st.sampled_from(["value", "value", "value", "line", "insert", "delete", "twice"]))
    brings = draw(VALUES if what == "value" else st.one_of(lines(), lines(), COMMENTS))
    return what, draw(st.floats(0, 0.999)), brings


def edited(text: Lines, changes: list[Edit]) -> Lines:
    text = list(text)
    for what, share, brings in changes:
        place = int(share * len(text))
        if what == "insert":
            text.insert(place, brings)
        elif text and what == "delete":
            del text[place]
        elif text and what == "twice":
            text.insert(place, text[place])
        elif text and what == "line":
            text[place] = brings
        elif text and text[place] and text[place][0] != "#":
            text[place] = f"{text[place].rpartition(' ')[0]} {brings}"
    return text


def outcome(read: object, *args: object) -> object:
    try:
        return read(*args)  # type: ignore[operator]
    except (ValueError, IndexError):
        return "refused"


@settings(max_examples=150, deadline=None)
@given(
    first=st.lists(st.one_of(lines(), lines(), COMMENTS), min_size=6, max_size=14),
    scrapes=st.lists(st.lists(edits(), max_size=3), min_size=1, max_size=6),
)
def test_the_same_as_prometheus_client_after_any_change(first: Lines, scrapes: list[list[Edit]]) -> None:
    reader, text = parser(), first
    for changes in scrapes:
        if sensible(text):
            whole = "\n".join(text) + "\n"
            assert outcome(ours, reader, whole) == outcome(theirs, whole)
            reader._wait = 0  # tried at every scrape, also after misses
        text = edited(text, changes)


@dataclass(slots=True)
class Looks:
    """How many lines were looked at by themselves."""

    lines: int = 0


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    counted, real = Looks(), TextParser._parse_plain

    def parse_plain(self: TextParser[object], lines: Lines, *rest: object) -> str:
        counted.lines += len(lines)
        return real(self, lines, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(TextParser, "_parse_plain", parse_plain)
    return counted


def scrape(n: int, pods: tuple[str, ...] = ("a", "b", "c"), kind: str = "counter") -> str:
    families = []
    for family in range(6):
        families.append(
            f"# HELP f{family} What { {family} } is\n# TYPE f{family} {kind if family == 3 else 'counter'}\n"
        )
        families += [f'f{family}{{pod="{pod} of {{x}} ü"}} {n * 1000.5 + family}\n' for pod in pods]
    return "".join(families)


def test_where_only_values_change_no_line_is_looked_at(looks: Looks) -> None:
    reader = parser()
    ours(reader, scrape(0))
    looks.lines = 0
    for n in range(1, 5):
        assert ours(reader, scrape(n)) == theirs(scrape(n))
    assert looks.lines == 0


def test_where_some_lines_change_only_these_are_looked_at(looks: Looks) -> None:
    reader = parser()
    steady = scrape(1) + "# TYPE g gauge\n"
    ours(reader, steady + 'g{pod="1"} 1\nlast 1\n')
    looks.lines = 0
    for n in range(2, 9):
        text = steady + f'g{{pod="{n}"}} {n}\nlast {n}\n'
        assert ours(reader, text) == theirs(text)
    assert looks.lines <= 2 * 7


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(scrape(7, kind="gauge"), id="a type"),
        pytest.param(scrape(7, ("a", "x", "c")), id="a label"),
        pytest.param(scrape(7, ("a", "b")), id="one less in each family"),
        pytest.param(scrape(7).replace("f5{", "f6{"), id="a name"),
        pytest.param(scrape(7).replace("# TYPE f2 counter\n", ""), id="a comment"),
        pytest.param("# TYPE f0 counter\n" + scrape(7).split("\n", 2)[2], id="a comment in place of two"),
        pytest.param(scrape(7).replace(".5\n", ".5 1700000000000\n"), id="timestamps"),
        pytest.param(scrape(7)[:-1], id="no newline at the end"),
        pytest.param("\n" + scrape(7).replace("\n", "\n\n"), id="blank lines"),
        pytest.param(scrape(7).replace(' of {x} ü"', '\\" 5"'), id="a quote and a number in a label"),
        pytest.param(scrape(7).replace("7003.5", "NaN").replace("7004.5", "+Inf"), id="no numbers"),
        pytest.param(scrape(7).replace('"} 7003.5', '"} 7003.5 # {t="1"} 5 '), id="exemplars"),
        pytest.param(scrape(7).replace('"} 7003.5', '"}  7003.5 '), id="white space"),
    ],
)
def test_every_change_is_seen_and_so_is_the_way_back(other: str) -> None:
    reader = parser()
    for text in (scrape(5), scrape(6), other, other, scrape(8), scrape(9)):
        reader._wait = 0
        assert outcome(ours, reader, text) == outcome(theirs, text)


@pytest.mark.parametrize("bad", ["1_0", "", "one", "1,2", "[1]", "0x1", "1\x0b2", "\xff"])
def test_a_value_that_is_none_is_refused_in_the_middle_of_a_known_layout(bad: str) -> None:
    reader = parser()
    ours(reader, scrape(1))
    with pytest.raises(ValueError, match=r"."):
        reader.parse(scrape(2).replace(" 2003.5", " " + bad, 1).encode("latin-1"))
    assert ours(reader, scrape(3)) == theirs(scrape(3))


def test_twin_a_layout_that_passes_over_a_change_reads_the_wrong_series(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, other = parser(), scrape(7, ("a", "x", "c"))
    ours(reader, scrape(1))
    values = ",".join([" 7"] * 18)
    monkeypatch.setattr(Layout, "values", lambda self, rests, length: (values, 18))
    assert [labels for _, labels, _ in ours(reader, other)] != [labels for _, labels, _ in theirs(other)]


def test_equal_targets_share_a_layout_and_old_ones_go() -> None:
    shared: text_format.Knowledge[object] = text_format.Knowledge()
    readers = [TextParser(lambda name, labels: (name, labels), shared) for _ in range(3)]
    for n in range(3):
        for reader in readers:
            reader.parse(scrape(n).encode())
    assert len({id(reader._layout) for reader in readers}) == 1
    assert len(shared.layouts._known) == 1
    readers[0].parse(b"other 1\n")
    readers[1].parse(b"other 1\n")
    readers[2].parse(b"other 1\n")
    gc.collect()
    assert len(shared.layouts._known) == 1, "the one before is gone"


def test_a_replica_that_sends_the_same_lines_is_read_by_the_layout_of_the_first(looks: Looks) -> None:
    shared: text_format.Knowledge[object] = text_format.Knowledge()
    first, second = (TextParser(lambda name, labels: (name, labels), shared) for _ in range(2))
    first.parse(scrape(1).encode())
    looks.lines = 0
    assert second.parse(scrape(2).encode()) == parser().parse(scrape(2).encode())
    assert looks.lines == len(scrape(2).split("\n")), "the reader that it is held against looked, the replica did not"


def test_a_text_without_a_layout_that_lasts_is_tried_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0

    def make(*known: object) -> object:
        nonlocal made
        made += 1
        return Layout(*known)  # type: ignore[arg-type]

    reader = parser()
    monkeypatch.setattr(text_format, "Layout", make)
    for n in range(20 * RARELY):
        text = "".join(f'a{{n="{n}-{i}"}} {n}\n' for i in range(1 + n % 3))
        assert ours(reader, text) == theirs(text)
    assert 1 <= made <= 20 + RARELY


def test_a_layout_costs_little_beside_what_is_known_of_its_lines() -> None:
    shared: text_format.Knowledge[object] = text_format.Knowledge()
    readers = [TextParser(lambda name, labels: (name, labels), shared) for _ in range(2)]
    common = "".join(f'a{{model="a rather long name of a model {n}"}} 1\n' for n in range(200))
    for n, reader in enumerate(readers):
        reader.parse(f'{common}gpu{{uuid="{n}"}} 1\n'.encode())
    one, other = (reader._layout for reader in readers)
    assert one is not None
    assert other is not None
    assert sum(key is same for key, same in zip(one.keys, other.keys, strict=True)) == 200
    assert all(any(key is kept for kept in shared.known[""].plain) for key in one.keys[::20])
