"""Pictures and sounds as they stand in a log: nested numbers, or an encoded file in base 64."""

from __future__ import annotations

import base64
import binascii
import io
import wave
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

MOST_BYTES = 32 << 20
ASSUMED_HZ = 16_000
DRAWN = 8_000
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM")


@dataclass(frozen=True, slots=True)
class Sound:
    """``wav``: a whole file, for a player. ``values``: for the waveform, thinned to its extremes. ``seconds``: how long it is."""

    wav: bytes
    values: tuple[float, ...]
    seconds: float
    note: str = ""


def encoded(text: str) -> bytes | None:
    """The bytes of a data URI, or of a text that is base 64 of a picture or sound this program knows; else `None`."""
    head, _, body = text.partition(",") if text.startswith("data:") else ("", "", text)
    if len(body) < 32 or len(body) > 2 * MOST_BYTES or (head and ";base64" not in head):
        return None
    try:
        start = base64.b64decode(body[:32], validate=True)
        known = start.startswith((*_PICTURES, b"RIFF")) or head.startswith(("data:image/", "data:audio/"))
        return base64.b64decode(body, validate=True) if known else None
    except (binascii.Error, ValueError):
        return None


def is_picture(data: bytes) -> bool:
    return data.startswith(_PICTURES)


def sound_of_wav(data: bytes) -> Sound | None:
    """A WAV file of 8 or 16 bits; others are passed to the player without a waveform. `None`: no WAV."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            channels, width, rate, frames = file.getparams()[:4]
            raw = file.readframes(min(frames, MOST_BYTES // max(1, channels * width)))
    except (wave.Error, EOFError):
        return None
    seconds = frames / rate if rate else 0.0
    words = f"{seconds:.1f} s at {rate:,} Hz"
    if width == 2:
        samples = array("h", raw)
        return Sound(data, thinned([v / 32768 for v in samples[::channels]]), seconds, words)
    if width == 1:
        return Sound(data, thinned([(v - 128) / 128 for v in raw[::channels]]), seconds, words)
    return Sound(data, (), seconds, f"{words}; {8 * width} bits: no waveform is drawn")


def sound_of_samples(values: Sequence[float], rate_hz: float | None) -> Sound:
    """Samples in -1..1, or in a wider range that is scaled to it."""
    rate = round(rate_hz) if rate_hz and 1_000 <= rate_hz <= 384_000 else ASSUMED_HZ
    top = max((abs(v) for v in values), default=1.0)
    top = max(1.0, top)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", "not compressed"))
        file.writeframes(array("h", [round(32767 * v / top) for v in values]).tobytes())
    assumed = "" if rate_hz and rate == round(rate_hz) else "; the item names no sample rate, so this one is assumed"
    seconds = len(values) / rate
    return Sound(buffer.getvalue(), thinned(values), seconds, f"{seconds:.1f} s at {rate:,} Hz{assumed}")


def thinned(values: Sequence[float]) -> tuple[float, ...]:
    """At most `DRAWN` values that keep every extreme: the least and the greatest of each stretch, in their order."""
    if len(values) <= DRAWN:
        return tuple(float(v) for v in values)
    stretch = -(-2 * len(values) // DRAWN)
    kept: list[float] = []
    for start in range(0, len(values), stretch):
        part = values[start : start + stretch]
        low, high = min(range(len(part)), key=part.__getitem__), max(range(len(part)), key=part.__getitem__)
        kept += [float(part[i]) for i in sorted((low, high))]
    return tuple(kept)
