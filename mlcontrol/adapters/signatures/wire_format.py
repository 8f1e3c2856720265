"""Protocol-buffer wire format, walked without its schema and without copying: what is not asked for is skipped, not read."""

from __future__ import annotations

from collections.abc import Iterator

from mlcontrol.adapters.signatures.bounds import Budget, Unreadable

Value = int | memoryview


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise Unreadable("The file is cut or is no protocol-buffer file.")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return result, position
        shift += 7


def walk(data: memoryview, budget: Budget) -> Iterator[tuple[int, Value]]:
    """(field number, value) of one message. Lengths are views into the data; fixed-width values are views too."""
    position = 0
    while position < len(data):
        budget.spend()
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise Unreadable("The file is no protocol-buffer file.")
        if wire == 0:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire == 2:
            length, position = _varint(data, position)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise Unreadable("The file is no protocol-buffer file.")
        if length > len(data) - position:
            raise Unreadable("The file is cut or is no protocol-buffer file.")
        yield number, data[position : position + length]
        position += length


def messages(data: memoryview, number: int, budget: Budget) -> Iterator[memoryview]:
    for found, value in walk(data, budget):
        if found == number and isinstance(value, memoryview):
            yield value


def text(data: memoryview, number: int, budget: Budget) -> str:
    """The last text of that field, at most 1,000 bytes of it; empty if there is none."""
    last = b""
    for value in messages(data, number, budget):
        last = bytes(value[:1000])
    return last.decode("utf-8", errors="replace")


def number(data: memoryview, field: int, budget: Budget) -> int | None:
    """The last number of that field as a signed 64-bit value."""
    last = None
    for found, value in walk(data, budget):
        if found == field and isinstance(value, int):
            last = value - 2**64 if value >= 2**63 else value
    return last
