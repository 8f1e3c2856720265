"""Protocol-buffer text format, read without its schema: nested messages, lists, comments, joined strings. No recursion."""

from __future__ import annotations

import re
from typing import Any

from mlcontrol.adapters.signatures.bounds import MAX_DEPTH, Unreadable, bounded

_TOKEN = re.compile(
    r"""(?P<skip>(?:\s++|\#[^\n]*+)++)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<number>-?\s*(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[fF]?)
      | (?P<word>-?[A-Za-z_][A-Za-z0-9_.\-/]*)
      | (?P<mark>[{}<>\[\]:,;])""",
    re.X,
)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.S)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_MAX_TEXT = 1_000_000  # a configuration, not data: honest ones have a few thousand characters
_MAX_TOKENS = 200_000
_CLOSES = {"{": "}", "<": ">"}

Message = dict[str, list[Any]]


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            line = text.count("\n", 0, position) + 1
            raise Unreadable(
                f"Line {line} of the text-format file is not understood.", repr(text[position : position + 40])
            )
        position = match.end()
        if match.lastgroup != "skip":
            found.append((match.lastgroup or "", match.group()))
        if len(found) > _MAX_TOKENS:
            raise Unreadable("The text-format file has too many tokens.")
    return found


def parse_text_format(text: str) -> Message:
    """Every field as the list of its values: `str`, `int`, `float`, `bool` or a nested message. Raises `Unreadable`."""
    tokens = _tokens(bounded(text, "text-format file", _MAX_TEXT))
    root: Message = {}
    stack: list[tuple[Message, str]] = [(root, "")]
    position = 0
    lists: list[tuple[int, str]] = []  # (depth, field) of each open list

    def peek() -> tuple[str, str]:
        return tokens[position] if position < len(tokens) else ("end", "the end of the file")

    while position < len(tokens):
        kind, token = peek()
        in_list = bool(lists) and lists[-1][0] == len(stack)
        message, closing = stack[-1]
        if in_list:
            if (kind, token) == ("mark", "]"):
                lists.pop()
                position += 1
                continue
            if (kind, token) == ("mark", ","):
                position += 1
                continue
            position = _value(tokens, position, message, lists[-1][1], stack)
            continue
        if kind == "mark" and token == closing:
            stack.pop()
            position += 1
            continue
        if (kind, token) in (("mark", ","), ("mark", ";")):
            position += 1
            continue
        if kind != "word":
            raise Unreadable(
                "The text-format file is not well formed.", f"A field name was expected, not {token!r:.40}."
            )
        name = token
        position += 1
        kind, token = peek()
        if (kind, token) == ("mark", ":"):
            position += 1
            kind, token = peek()
        elif (kind, token) not in (("mark", "{"), ("mark", "<"), ("mark", "[")):
            raise Unreadable(
                "The text-format file is not well formed.", f"After {name!r:.40} a ':' or '{{' was expected."
            )
        if (kind, token) == ("mark", "["):
            message.setdefault(name, [])
            lists.append((len(stack), name))
            position += 1
            continue
        position = _value(tokens, position, message, name, stack)
    if len(stack) > 1 or lists:
        raise Unreadable("The text-format file ends in the middle of a message.")
    return root


def _value(
    tokens: list[tuple[str, str]], position: int, message: Message, name: str, stack: list[tuple[Message, str]]
) -> int:
    """Read one value at ``position`` into ``message[name]``; a message is opened on the stack. Returns the next position."""
    if position >= len(tokens):
        raise Unreadable("The text-format file ends where a value was expected.")
    kind, token = tokens[position]
    values = message.setdefault(name, [])
    if kind == "mark" and token in _CLOSES:
        if len(stack) > MAX_DEPTH:
            raise Unreadable("The text-format file is nested too deep.")
        inner: Message = {}
        values.append(inner)
        stack.append((inner, _CLOSES[token]))
        return position + 1
    if kind == "string":
        parts = []
        while position < len(tokens) and tokens[position][0] == "string":
            parts.append(_ESCAPE.sub(_unescaped, tokens[position][1][1:-1].encode("utf-8", "replace")))
            position += 1
        values.append(b"".join(parts).decode("utf-8", "replace"))
        return position
    if kind == "number":
        values.append(_number(token))
        return position + 1
    if kind == "word":
        values.append({"true": True, "false": False}.get(token, token))
        return position + 1
    raise Unreadable("The text-format file is not well formed.", f"{name!r:.40} has no value before {token!r:.40}.")


def _unescaped(found: re.Match[bytes]) -> bytes:
    """Octal and hexadecimal escapes are bytes of UTF-8, the long ones characters."""
    octal, short, four, eight, letter = found.groups()
    if letter is not None:
        return _ESCAPES.get(letter, letter)
    if octal is not None or short is not None:
        return bytes([int(octal, 8) & 0xFF if octal is not None else int(short, 16)])
    code = int(four or eight, 16)
    return chr(code).encode("utf-8", "replace") if code < 0x110000 else b"?"


def _number(token: str) -> int | float:
    plain = "".join(token.split())
    try:
        if "x" in plain.lower():
            return int(plain, 16)
        plain = plain.rstrip("fF")
        return float(plain) if any(c in plain for c in ".eE") else int(plain)
    except ValueError as error:
        raise Unreadable(f"{token!r:.40} is no number.") from error
