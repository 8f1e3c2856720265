"""JSON from strangers: no NaN, no duplicate keys, no endless integers, no bottomless nesting."""

from __future__ import annotations

import json
from typing import Any

import msgspec


class BadJsonError(ValueError):
    """The bytes are no JSON that this program accepts; the message says why in few words."""


def parse(body: bytes) -> Any:
    """The value of a JSON document. Raises `BadJsonError`."""
    try:
        value = msgspec.json.decode(body)
        if msgspec.json.encode(value) == body:
            # Written again it is the same, so no key was there twice and no number lost a digit: a third of the time of a look
            # at every pair of it. What is written in another way is looked at.
            return value
    except (ValueError, RecursionError, OverflowError):
        pass  # the words for what is wrong are found below
    try:
        return _value(body.decode("utf-8").strip(_SPACE))
    except RecursionError as error:
        raise BadJsonError("it is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise BadJsonError("it is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise BadJsonError(f"{error.msg} at character {error.pos}") from error
    except BadJsonError:
        raise
    except ValueError as error:
        raise BadJsonError("it holds a number that is too long") from error


def whole(value: Any, body: bytes) -> Any:
    """The value, where all of its text can be written again. Half a character (a lone surrogate, which only an escape in ``body``
    can bring in) cannot, and would be met where the text is stored or sent on. Raises `BadJsonError`."""
    if b"\\ud" in body or b"\\uD" in body:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise BadJsonError("it holds half of a character") from error
    return value


def _value(text: str) -> Any:
    """As `JSONDecoder.decode` on a text without space around it, without its two searches for that space."""
    value, end = _DECODER.raw_decode(text)
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise BadJsonError("it repeats a key in one object")
    return made


def _no_constant(name: str) -> Any:
    raise BadJsonError(f"it holds {name}, which is not JSON")


_SPACE = " \t\n\r"
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
