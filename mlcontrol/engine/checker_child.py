"""The child that judges, and reads foreign documents: it takes questions from its standard input, writes answers to its standard
output, and ends with its parent."""

from __future__ import annotations

import math
import os
import signal
import sys
from typing import IO

import msgspec

from mlcontrol.adapters.signatures.bounds import Unreadable
from mlcontrol.adapters.signatures.reading import read_here
from mlcontrol.engine.checker import BROKE, FINE, JUDGE, UNREADABLE
from mlcontrol.ports.documents import Document
from mlcontrol.services import judging

MEMORY_BYTES = 2 * 1024**3


def main() -> int:
    """Serve questions until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints does not get between the answers
    _limit_memory()
    questions = sys.stdin.buffer
    decode = msgspec.msgpack.Decoder(tuple[float, str, msgspec.Raw]).decode
    while question := _next(questions):
        try:
            limit_s, what, asked = decode(question)
            _end_after(limit_s)
            answer = FINE + (_judged(asked) if what == JUDGE else _read(asked))
        except Unreadable as error:
            answer = UNREADABLE + msgspec.msgpack.encode(error.problem)
        except MemoryError:
            answer = BROKE + b"it needs more memory than it may have"
        except Exception as error:  # noqa: BLE001 - the boundary: its words go to the engine, which knows no verdict then
            answer = BROKE + f"{type(error).__name__} {error}".strip()[:300].encode(errors="replace")
        _end_after(0.0)
        answers.write(len(answer).to_bytes(4, "big") + answer)
        answers.flush()
    return 0


def _judged(asked: msgspec.Raw) -> bytes:
    return msgspec.msgpack.encode(judging.judge(msgspec.msgpack.decode(asked, type=judging.Asked)))


def _read(asked: msgspec.Raw) -> bytes:
    return msgspec.msgpack.encode(read_here(msgspec.msgpack.decode(asked, type=Document)))


def _next(source: IO[bytes]) -> bytes:
    size = int.from_bytes(source.read(4), "big")
    return source.read(size) if size else b""


def _limit_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_after(seconds: float) -> None:
    """The kernel's own alarm: it ends a child that hangs when its parent, which would have ended it, is gone. 0: none."""
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(math.ceil(seconds) + 1 if seconds else 0)


if __name__ == "__main__":
    sys.exit(main())
