"""The error taxonomy of every adapter. Each carries a `Problem`; callers branch on the class, people read the problem."""

from __future__ import annotations

from mlcontrol.core.problem import Problem, ProblemError


class AdapterError(ProblemError):
    """Something outside did not do what was asked. ``wait_s``: how long it asks us to leave it alone, where it says so."""

    wait_s: float | None = None


class Unreachable(AdapterError):
    """No connection: refused, reset, no route, name not found, TLS refused."""


class MovedInside(Unreachable):
    """A name that led to public addresses leads to private ones now: not followed before a person agrees."""


class TimedOut(AdapterError):
    """The total deadline passed. For a write this means *unknown*: read back before anything else."""


class Denied(AdapterError):
    """401 or 403: credentials are missing, wrong or not enough."""


class NotFound(AdapterError):
    """The server answered that the thing is not there."""


class Rejected(AdapterError):
    """The server understood and refused (400, 409, 422, a failed load, ...)."""


class Busy(Rejected):
    """429: it is asked too often; nothing was done."""


class Unexpected(AdapterError):
    """An answer that is no answer: HTML instead of JSON, a cut body, a wrong shape, too large."""


class ServerFailed(AdapterError):
    """The server failed by itself (5xx)."""


class NeedsCredentials(AdapterError):
    """The secret this connection names cannot be read (no keyring, locked, no entry)."""


class NotSupported(AdapterError):
    """This adapter cannot do that; `why` says so."""


ANSWERED_BADLY = (Rejected, ServerFailed, Unexpected)
"""Of a query to a model: it was asked and did not do it. Every other error says nothing of the model."""


def problem_of(error: BaseException) -> Problem:
    """The problem an error carries, or one made of it."""
    if isinstance(error, ProblemError):
        return error.problem
    return Problem(what=f"{type(error).__name__}: {error}"[:300], code="internal")
