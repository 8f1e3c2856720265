"""JSON from strangers: no NaN, no duplicate keys, no endless integers, no bottomless nesting."""

from __future__ import annotations

import json
from typing import Any


class BadJsonError(ValueError):
    """The bytes are no JSON that this program accepts; the message says why in few words."""


def parse(body: bytes) -> Any:
    """The value of a JSON document. Raises `BadJsonError`."""
    try:
        return _DECODER.decode(body.decode("utf-8"))
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


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise BadJsonError("it repeats a key in one object")
    return made


def _no_constant(name: str) -> Any:
    raise BadJsonError(f"it holds {name}, which is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
