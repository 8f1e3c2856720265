"""Holding a lease while an operation runs: kept alive from a thread of its own, looked at before and after every write."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mlcontrol.core.lease import Lease, LeaseLostError, targets_of
from mlcontrol.core.problem import ProblemError
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import service_settings

LOOK_EVERY_S = 1.0


class Holding:
    """*Thread:* any. Used as a context manager, or ended with `end`."""

    def __init__(self, ctx: ServiceContext, lease: Lease) -> None:
        self._ctx = ctx
        self.lease = lease
        self._on_asked: Callable[[str], None] | None = None
        self._stop = threading.Event()
        self._given_back = False
        self._thread = threading.Thread(target=self._keep, name=f"lease-{lease.operation[:8]}")
        self._thread.start()

    def when_asked(self, tell: Callable[[str], None]) -> None:
        """``tell``: called once, with the name of whoever asks this operation to make room."""
        self._on_asked = tell

    def check(self) -> None:
        """Raises `LeaseLostError` when the target belongs to somebody else by now, `StoreError` when nobody can tell."""
        self._heard(self._ctx.store.leases.check(self.lease))

    def abandon(self) -> None:
        """Stop keeping it alive without giving it back: it lapses, or is taken when this process is seen to be gone."""
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def end(self) -> None:
        """Give the lease back. A store that is away keeps the row until it lapses; the operation has ended either way.
        A second call does nothing."""
        self.abandon()
        if self._given_back:
            return
        self._given_back = True
        try:
            self._ctx.store.leases.release(self.lease)
        except ProblemError:
            return

    def __enter__(self) -> Holding:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def _keep(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            try:
                self.check()
            except LeaseLostError:
                return  # the operation meets it at its own next look
            except ProblemError:
                continue  # the store is away: the lease stands until it lapses

    def _heard(self, asked: str) -> None:
        tell = self._on_asked
        if asked and tell is not None:
            self._on_asked = None
            tell(asked)


def targets(ctx: ServiceContext, service: str) -> tuple[str, ...]:
    return targets_of(service_settings(ctx, service), ctx.settings.connections)


def hold(ctx: ServiceContext, service: str, operation: str, actor: str, what: str) -> Holding:
    """Take the lease of a service's targets. Raises `LeaseTakenError` naming who has it and since when."""
    return Holding(ctx, ctx.store.leases.acquire(targets(ctx, service), service, operation, actor, what))
