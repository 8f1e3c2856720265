"""The compatibility check, and the reading of foreign documents, in a process of their own, with an end in time and in memory: one
that hangs, even with the interpreter's lock in its hand, crashes or swells is ended, and the engine goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TypeVar

import msgspec

from mlcontrol.core.compatibility.report import Report
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.signature import Signature
from mlcontrol.ports.documents import Document
from mlcontrol.services.judging import Asked
from mlcontrol.services.patience import NoAnswer

T = TypeVar("T")
COMMAND = (sys.executable, "-m", "mlcontrol.engine.checker_child")
LONGEST_ANSWER = 64 * 1024 * 1024
FINE, BROKE, UNREADABLE = b"\x00", b"\x01", b"\x02"
JUDGE, READ = "judge", "read"
READ_LIMIT_S = 10.0  # a child that has to be started first is waited for within it, too
_HANDED_ON = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TMPDIR")
"""Nothing else of the engine's environment: it may hold secrets."""

_encode = msgspec.msgpack.Encoder().encode
_report = msgspec.msgpack.Decoder(Report).decode
_signature = msgspec.msgpack.Decoder(Signature).decode
_problem_in = msgspec.msgpack.Decoder(Problem).decode


class CheckerProcess:
    """A `services.judging.Judge`, and a `DocumentReader`. The child is started when it is first needed and kept; one that failed is
    replaced.

    *Thread:* any; one question at a time, others wait, within their own limits.
    """

    def __init__(self, command: tuple[str, ...] = COMMAND) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def start(self) -> None:
        if self._lock.acquire(blocking=False):  # held: somebody is asking it, so it runs
            try:
                self._running()
            finally:
                self._lock.release()

    def __call__(self, asked: Asked, limit_s: float) -> Report:
        return self._decoded(_report, self._answered(JUDGE, asked, limit_s))

    def read(self, document: Document) -> Signature:
        """As `ports.documents.DocumentReader` says."""
        try:
            answer = self._answered(READ, document, READ_LIMIT_S)
            if answer[:1] != UNREADABLE:
                return self._decoded(_signature, answer)
        except NoAnswer as silence:
            raise NoAnswer(_unread(document, silence.problem.why)) from silence
        raise ProblemError(_problem_in(answer[1:]))

    def _answered(self, what: str, question: Asked | Document, limit_s: float) -> bytes:
        if not self._lock.acquire(timeout=limit_s):
            raise NoAnswer(_problem(f"Others kept it busy for {limit_s:g} s."))
        try:
            return self._ask(what, question, limit_s)
        finally:
            self._lock.release()

    def _decoded(self, decode: Callable[[bytes], T], answer: bytes) -> T:
        if answer[:1] != FINE:
            raise NoAnswer(_problem(f"It broke: {answer[1:].decode(errors='replace')}"[:300]))
        try:
            return decode(answer[1:])
        except msgspec.DecodeError as error:
            with self._lock:
                self._end()
            raise NoAnswer(_problem("Its answer is none.")) from error

    def close(self) -> None:
        """End the child; a question that waits for it gets no answer, and none is started any more."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._end()

    def _ask(self, what: str, asked: Asked | Document, limit_s: float) -> bytes:
        process = self._running()
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()  # also what blocks below ends by this, as its pipes do

        timer = threading.Timer(limit_s, end)
        timer.start()
        answer: bytes | None = None
        try:
            question = _encode((limit_s, what, asked))
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(len(question).to_bytes(4, "big") + question)
            process.stdin.flush()
            answer = _read(process.stdout)
        except (OSError, ValueError, TypeError, OverflowError) as error:
            raise NoAnswer(_problem(f"It could not be asked: {error}"[:300])) from error
        finally:
            timer.cancel()
            timer.join()
            if answer is None:
                self._end()
        if answer is None:
            raise NoAnswer(_problem(f"It was ended after {limit_s:g} s." if late.is_set() else "Its process ended."))
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise NoAnswer(_problem("The engine ends."))
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _HANDED_ON if name in os.environ},
                start_new_session=True,  # Ctrl-C in the terminal is for the engine, which ends the child itself
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was still to be written to it goes with it
                    pipe.close()
        process.wait()


def _read(source: IO[bytes]) -> bytes | None:
    """One answer; `None` when the child has ended before it was complete."""
    head = source.read(4)
    size = int.from_bytes(head, "big")
    if len(head) < 4 or not 0 < size <= LONGEST_ANSWER:
        return None
    body = source.read(size)
    return body if len(body) == size else None


def _unread(document: Document, why: str) -> Problem:
    whose = f"{document.name} v{document.version}" if document.version else document.name or "the model"
    what = f"The {document.kind.value} of {whose} could not be read."
    return Problem(what, why, "What it says is not known: look at the document itself.", code="unknown")


def _problem(why: str) -> Problem:
    return Problem(
        "The compatibility check did not answer.", why, "What it would have found is not known.", code="unknown"
    )
