"""The fast reader of the Prometheus text format says what `prometheus_client` says, at the first scrape and at every later one."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings, strategies as st
from prometheus_client.parser import text_string_to_metric_families

from mlcontrol.adapters.metrics import text_format
from mlcontrol.adapters.metrics.text_format import KEPT_KEYS, Knowledge, TextParser, _numbers

Sample = tuple[str, tuple[tuple[str, str], ...], str]


def ours(parser: TextParser[tuple[str, dict[str, str]]], text: str) -> list[Sample]:
    series, values = parser.parse(text.encode())
    return [(n, tuple(sorted(ls.items())), repr(v + 0.0)) for (n, ls), v in zip(series, values, strict=True)]


def theirs(text: str) -> list[Sample]:
    return [
        (sample.name, tuple(sorted(sample.labels.items())), repr(float(sample.value) + 0.0))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def parser() -> TextParser[tuple[str, dict[str, str]]]:
    return TextParser(lambda name, labels: (name, labels))


NAMES = st.sampled_from(["a", "b_total", "job:rate5m", "nv_inference_request_success", "c_bucket", "über.name", "x y"])
LABELS = st.dictionaries(st.sampled_from(["le", "model", "x_1"]), st.text('ab"\\\n {},=#é', max_size=5), max_size=3)
VALUES = st.one_of(
    st.sampled_from(["NaN", "+Inf", "-Inf", "Nan", "1e+010", "1E5", "0", "-0", ".5", "5."]),
    st.floats(allow_nan=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
)
STAMPS = st.one_of(st.just(""), st.just(""), st.integers(-5, 2 * 10**12).map(str))


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


@st.composite
def lines(draw: st.DrawFn) -> str:
    name, labels = draw(NAMES), draw(LABELS)
    gap = draw(st.sampled_from([" ", " ", " ", "  "]))
    pairs = [f'{k}="{escaped(v)}"' for k, v in labels.items()]
    if not name.isascii() or "." in name or " " in name:
        head = "{" + ",".join([f'"{name}"', *pairs]) + "}"
    else:
        head = name + ("{" + ",".join(pairs) + draw(st.sampled_from(["", ","])) + "}" if pairs else "")
    stamp = draw(STAMPS)
    return head + gap + draw(VALUES) + (" " + stamp if stamp else "")


COMMENTS = st.one_of(
    st.builds(
        lambda n, t: f"# TYPE {n} {t}",
        st.sampled_from(["a", "b_total", "nv_inference_request_success"]),
        st.sampled_from(["counter", "gauge", "untyped"]),
    ),
    st.builds(
        lambda n: f"# HELP {n} some words with a # and a {{", st.sampled_from(["a", "nv_inference_request_success"])
    ),
    st.just("# a remark of somebody"),
    st.just(""),
)


def sensible(text: list[str]) -> bool:
    """A TYPE line comes before the samples of its family, as the format asks."""
    seen: set[str] = set()
    for line in text:
        if line.startswith("# TYPE"):
            if line.split()[2] in seen:
                return False
            seen.add(line.split()[2])
        elif line.startswith("# HELP"):
            seen.add(line.split()[2]) if line.split()[2] in seen else None
        elif line and line[0] != "#":
            seen.add(line.split("{")[0].split()[0] if line[0] != "{" else "")
    return True


@settings(max_examples=100, deadline=None)
@given(
    scrapes=st.lists(
        st.lists(st.one_of(lines(), lines(), COMMENTS), max_size=8).filter(sensible), min_size=1, max_size=4
    )
)
def test_the_same_samples_as_prometheus_client(scrapes: list[list[str]]) -> None:
    """One reader over several scrapes: what it remembers of one must not colour the next."""
    reader = parser()
    for scrape in scrapes:
        text = "\n".join(scrape) + "\n"
        assert ours(reader, text) == theirs(text)
        assert ours(reader, text) == theirs(text)


def test_a_counter_of_the_old_style_gets_its_ending_and_others_do_not() -> None:
    text = '# TYPE a counter\na 1\nb 2\na 3\n# TYPE c gauge\nc 4\n# HELP a x\n# TYPE a counter\na{m="1"} 5\n'
    reader = parser()
    for _ in range(3):
        assert ours(reader, text) == theirs(text)
    assert [name for name, *_ in ours(reader, text)] == ["a_total", "b", "a", "c", "a_total"]


def test_a_family_ends_where_another_of_nearly_its_name_begins() -> None:
    text = "# TYPE a counter\na 1\n# TYPE a_total counter\na_total 2\na 3\n"
    reader = parser()
    for _ in range(2):
        assert ours(reader, text) == theirs(text)


def test_exemplars_are_left_out_and_do_not_pile_up() -> None:
    reader = parser()
    for n in range(200):
        text = f'lat_bucket{{le="1"}} {n} # {{trace_id="{n}"}} 0.{n} 1.6e9\nlat_bucket{{le="# {{"}} 5\nplain {n} # {{a="b"}} 1\n'
        assert [value for *_, value in ours(reader, text)] == [f"{n}.0", "5.0", f"{n}.0"]
    assert sum(len(known.plain) + len(known.stamped) for known in reader._mind.known.values()) <= 3


def test_timestamps_are_read_fast_too() -> None:
    reader = parser()
    for n in range(4):
        text = "".join(f'a{{i="{i}"}} {n + i} 17000000{n:02}000\n' for i in range(20)) + "bare 5\n"
        assert ours(reader, text) == theirs(text)
    assert reader._mostly_stamped


def test_series_that_come_and_go_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_format, "KEPT_KEYS", 50)
    reader = parser()
    for n in range(100):
        ours(reader, "".join(f'a{{pod="{n}-{i}"}} 1\n' for i in range(20)))
    assert len(reader._mind.known[""].plain) <= 50 + 3 * 21


def test_what_nobody_reads_is_not_even_looked_at() -> None:
    reader: TextParser[str] = TextParser(lambda name, labels: name if name == "a" else None)
    reader.parse(b"a 1\nb 2\n")
    assert reader.parse(b"a 1\nb 2\n") == (["a"], [1.0])


@pytest.mark.parametrize(
    "bad",
    [
        "a 1_0\n",
        "a one\n",
        'a{b="c} 1\n',
        "-a 1\n",
        "a 1 x\n",
        "# TYPE a\n",
        "a\n",
        'a{__name__="x"} 1\n',
        'a{b="1",b="2"} 1\n',
    ],
)
def test_what_prometheus_client_refuses_is_refused_also_for_known_series(bad: str) -> None:
    reader = parser()
    ours(reader, "a 1\n")
    ours(reader, "a 1 5\n")
    for _ in range(2):
        with pytest.raises((ValueError, IndexError)):
            ours(reader, bad)


_PIECES = st.sampled_from(
    [
        "a",
        "m",
        "1",
        "é",
        ",",
        "{",
        "}",
        '"',
        "=",
        " ",
        "\\",
        'b="x"',
        'a="y"',
        'b="x",',
        'a=""',
        '_c="z"',
        'd="{},"',
        '__e="1"',
    ]
)


@given(st.lists(_PIECES, max_size=7).map("".join))
@settings(max_examples=800, deadline=None)
@example('a="x"",')  # as many quotes as labels need, and not where they need them
@example('a="x",,')
@example(",")
@example('a="x",')
def test_the_short_way_through_labels_takes_nothing_that_the_grammar_reads_otherwise(labels: str) -> None:
    short = text_format._simple(f"m{{{labels}}}")
    if short is not None:
        (sample,) = (s for family in text_string_to_metric_families(f"m{{{labels}}} 1\n") for s in family.samples)
        assert short == (sample.name, sample.labels)


def test_the_short_way_is_what_plain_labels_take() -> None:
    """The twin: a way that takes nothing would pass the test before this one."""
    assert text_format._simple('m{le="0.5",pod="a b{},",}') == ("m", {"le": "0.5", "pod": "a b{},"})
    assert text_format._simple("m{}") == text_format._simple("m") == ("m", {})
    assert text_format._simple('m{a="\\\\"}') is None, "an escape is the grammar's"


def test_not_a_number_stays_none() -> None:
    assert math.isnan(float(ours(parser(), "a NaN\n")[0][2]))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.integers(-(10**25), 10**25).map(str)))
def test_values_read_at_once_are_those_read_one_by_one(texts: list[str]) -> None:
    assert _numbers(texts) == list(map(float, texts))


@pytest.mark.parametrize(
    "odd", ["NaN", "+Inf", "007", ".5", "5.", "+1", "1e400", "0x1p3", "1,2", "[1]", "", "null", '"1"', "1_0"]
)
def test_one_value_that_is_no_json_is_read_as_before(odd: str) -> None:
    """Neither are two numbers made of one, nor is what `float` refuses taken."""
    texts = ["1.0", odd, "2"]
    try:
        expected = list(map(float, texts)) if "_" not in odd else None
    except ValueError:
        expected = None
    if expected is None:
        with pytest.raises(ValueError, match=r"."):
            _numbers(texts)
    else:
        assert repr(_numbers(texts)) == repr(expected)


def test_what_one_target_has_sent_no_other_parses_again() -> None:
    made: list[str] = []

    def make(name: str, labels: dict[str, str]) -> tuple[str, dict[str, str]]:
        made.append(name)
        return name, labels

    shared: Knowledge[tuple[str, dict[str, str]]] = Knowledge()
    text = '# TYPE a gauge\na{x="1"} 1\na{x="2"} 2\n# TYPE c counter\nc 3\n'
    first, second = (TextParser(make, shared).parse(text.encode()) for _ in range(2))
    assert first == second == ([("a", {"x": "1"}), ("a", {"x": "2"}), ("c_total", {})], [1.0, 2.0, 3.0])
    assert made == ["a", "a", "c_total"]
    assert len(TextParser(make).parse(text.encode())[0]) == len(made) - 3 == 3  # the twin: alone it parses them itself


def test_shared_knowledge_too_large_for_a_target_is_left_to_the_others() -> None:
    shared: Knowledge[str] = Knowledge()
    large, small = (TextParser(lambda name, labels: name, shared) for _ in range(2))
    text = "".join(f"m{n} {n}\n" for n in range(2 * KEPT_KEYS))
    assert len(large.parse(text.encode())[0]) == 2 * KEPT_KEYS
    assert small.parse(b"m1 1\n") == (["m1"], [1.0])
    assert small._mind is not shared
    assert large._mind is shared
    assert shared.size() == 2 * KEPT_KEYS
