"""Samples pushed into a Prometheus by its remote-write protocol, version 1, native histograms included."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from mlcontrol.testing.servers import RunningServer, prometheus

SCHEMA = 3  # eight buckets to an octave


def _varint(value: int) -> bytes:
    out = bytearray()
    value &= (1 << 64) - 1
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _zigzag(value: int) -> bytes:
    return _varint((value << 1) ^ (value >> 63))


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _number(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _whole(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


@dataclass(frozen=True, slots=True)
class Native:
    """``counts``: of neighbouring positive buckets, the first of which is the bucket ``first``."""

    first: int
    counts: Sequence[int]
    total: float = 0.0

    def message(self, at_ms: int) -> bytes:
        deltas = [count - before for before, count in zip((0, *self.counts), self.counts, strict=False)]
        span = _varint(1 << 3) + _zigzag(self.first) + _whole(2, len(self.counts))
        return b"".join(
            [
                _whole(1, sum(self.counts)),
                _number(3, self.total),
                _varint(4 << 3) + _zigzag(SCHEMA),
                _number(5, 2.0**-128),
                _field(11, span),
                _field(12, b"".join(map(_zigzag, deltas))),
                _whole(15, at_ms),
            ]
        )


Pushed = tuple[Mapping[str, str], float | Native]


def push(url: str, series: Sequence[Pushed], at_s: float) -> None:
    """``series``: labels, the name among them, and value."""
    message = b""
    for labels, value in series:
        named = b"".join(
            _field(1, _field(1, name.encode()) + _field(2, text.encode())) for name, text in sorted(labels.items())
        )
        at_ms = round(1000 * at_s)
        what = (
            _field(4, value.message(at_ms))
            if isinstance(value, Native)
            else _field(2, _number(1, value) + _whole(2, at_ms))
        )
        message += _field(1, named + what)
    packed = _varint(len(message))  # Snappy, of literals alone
    for start in range(0, len(message), 1 << 16):
        piece = message[start : start + (1 << 16)]
        packed += bytes([61 << 2]) + struct.pack("<H", len(piece) - 1) + piece
    headers = {"Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}
    requests.post(f"{url}/api/v1/write", data=packed, headers=headers, timeout=10).raise_for_status()


@contextmanager
def receiving(folder: Path) -> Iterator[RunningServer]:
    """A Prometheus that scrapes nothing and takes what is pushed."""
    with prometheus(folder, "--web.enable-remote-write-receiver", "--enable-feature=native-histograms") as server:
        yield server
