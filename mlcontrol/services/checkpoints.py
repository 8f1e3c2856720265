"""Signs how far the audit log has come, and has it verified, now and then, on a thread of its own: a keyring may take its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from mlcontrol.core.audit import ChainVerdict
from mlcontrol.core.audit_export import Checkpoint
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.ports.errors import problem_of
from mlcontrol.ports.signing import Signer
from mlcontrol.services.context import ServiceContext

FIRST_S = 5.0
EVERY_S = 60.0
VERIFIED_EVERY_S = 3600.0
"""Walking 100,000 rows takes seconds of a core: often enough to notice a change before somebody relies on the log."""


class Checkpoints:
    """*Thread:* `start` and `close` once; the rest any."""

    def __init__(self, ctx: ServiceContext, signer: Signer) -> None:
        self._ctx = ctx
        self._signer = signer
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._told = ""
        self._verify: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._work, name="audit-checkpoints", daemon=True)

    def start(self, verify: Callable[[], object]) -> None:
        """``verify`` walks the chain and tells what it found: soon after the start, then every hour."""
        self._verify = verify
        if not self._ctx.view_only:
            self._thread.start()

    def close(self) -> None:
        """Sign the end, if the key is at hand; never waits for a keyring."""
        self._ending.set()
        if self._thread.ident is None:
            return
        self._thread.join(2.0)
        if self._signer.public_key and not self._thread.is_alive():
            self.sign()

    def sign(self) -> Checkpoint | None:
        """A checkpoint of the newest row; `None` when it has one, when there is no row, or when it cannot be signed (then told)."""
        with self._lock:
            try:
                return self._sign()
            except Exception as error:  # noqa: BLE001 - the log itself is intact; that it is not signed is said
                self._tell("The audit log is not signed", str(problem_of(error)), Health.WARNING)
                return None

    def _sign(self) -> Checkpoint | None:
        if not self._signer.public_key:
            where = self._signer.load()
            if self._signer.new:
                self._tell("A key to sign the audit log was made", f"It is kept {where}.", Health.OK)
        audit = self._ctx.store.audit
        row = audit.newest()
        if row is None or any(
            p.seq == row.seq and p.public_key == self._signer.public_key for p in audit.checkpoints()
        ):
            return None
        bare = Checkpoint(row.seq, row.hash, self._ctx.clock.utc_s(), self._signer.public_key)
        point = replace(bare, signature=self._signer.sign(bare.message))
        audit.put_checkpoint(point)
        return point

    def judged(self, verdict: ChainVerdict) -> ChainVerdict:
        """A chain whose rows fit, held against the signatures too."""
        if verdict.first_bad is not None:
            return verdict
        for point in self._ctx.store.audit.checkpoints():
            if not self._signer.fits(point.public_key, point.message, point.signature):
                why = "bears a checkpoint whose signature does not fit"
                return replace(verdict, ok=False, first_bad=point.seq, why=why)
        return verdict

    def _work(self) -> None:
        wait_s, verified_s = FIRST_S, -VERIFIED_EVERY_S
        while not self._ending.wait(wait_s):
            self.sign()
            if time.monotonic() - verified_s >= VERIFIED_EVERY_S:
                self._verify_now()
                verified_s = time.monotonic()
            wait_s = EVERY_S

    def _verify_now(self) -> None:
        try:
            self._verify()
        except Exception as error:  # noqa: BLE001 - a store that is away is said elsewhere too; the next hour tries again
            self._tell("The audit log could not be verified", str(problem_of(error)), Health.UNKNOWN)

    def _tell(self, title: str, detail: str, severity: Health) -> None:
        if self._told == title + detail:
            return
        self._told = title + detail
        now_s = self._ctx.clock.utc_s()
        self._ctx.emit(
            TimelineEvent(
                f"audit-key-{now_s:.3f}", now_s, EventKind.ENGINE, title, None, detail, "engine", severity=severity
            )
        )
