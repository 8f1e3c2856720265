"""JSON from strangers: what is accepted is what JSON says, however it was written; the rest is refused with its reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from mlcontrol.adapters import strict_json
from mlcontrol.adapters.strict_json import BadJsonError, parse, whole

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
_STYLES = st.sampled_from(((",", ":"), (", ", ": "), (" ,\n", "\t: ")))


@given(_VALUES, _STYLES, st.booleans())
def test_the_way_it_is_written_does_not_matter(value: object, style: tuple[str, str], ascii_only: bool) -> None:
    text = json.dumps(value, separators=style, ensure_ascii=ascii_only)
    try:
        body = text.encode()
    except UnicodeEncodeError:
        return  # half a character has no bytes
    assert repr(parse(body)) == repr(json.loads(text))


REFUSED = {
    b'{"a":1,"a":1}': "repeats a key",
    b'{"a":{"b":1,"b":2}}': "repeats a key",
    b"[NaN]": "NaN",
    b'{"a": -Infinity}': "Infinity",
    b"1" * 5000: "too long",
    b"[" * 100_000: "nested",
    b'{"a":' * 100_000: "nested",
    b"\xff": "UTF-8",
    b"[1] [2]": "Extra data",
    b"": "Expecting value",
    b"<html>": "Expecting value",
}


@pytest.mark.parametrize("body", REFUSED, ids=[f"{i}" for i in range(len(REFUSED))])
def test_what_is_no_json_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(BadJsonError, match=REFUSED[body]):
        parse(body)


def test_whole_characters_pass_as_escapes_too_beside_any_number() -> None:
    body = b'{"face": "\\ud83d\\ude00", "n": 1180591620717411303424}'
    assert whole(parse(body), body) == {"face": "\U0001f600", "n": 2**70}


def test_twin_without_the_second_writing_a_repeated_key_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the quick way alone would make of it."""
    body = b'{"a":1,"a":2}'
    monkeypatch.setattr(strict_json.msgspec.json, "encode", lambda _value: body)
    assert parse(body) == {"a": 2}
