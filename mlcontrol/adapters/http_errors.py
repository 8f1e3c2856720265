"""HTTP's ways to fail, in words."""

from __future__ import annotations

import ssl
from dataclasses import replace
from http.client import RemoteDisconnected

import requests
import urllib3

from mlcontrol.adapters.deadline import Deadline
from mlcontrol.adapters.plain_text import plain, sentence
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.errors import (
    AdapterError,
    Busy,
    Denied,
    NotFound,
    Rejected,
    ServerFailed,
    TimedOut,
    Unexpected,
    Unreachable,
)

_TIMEOUTS = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
_CUT = (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.IncompleteRead, urllib3.exceptions.ProtocolError)
_UNPACK = (requests.exceptions.ContentDecodingError, urllib3.exceptions.DecodeError)


def failure(settings: ConnectionSettings, shown: str, deadline: Deadline, error: Exception | None) -> AdapterError:
    """The typed error of an exchange that did not end in an answer. ``shown``: host and port."""
    causes = _causes(error)
    if deadline.passed or any(_timed_out(cause) for cause in causes):
        return timed_out(settings, shown, deadline.seconds)
    for cause in causes:
        if isinstance(cause, AdapterError):
            return cause
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return tls_failure(settings, shown, str(getattr(cause, "verify_message", "") or cause.reason or cause))
    if any(isinstance(cause, _UNPACK) for cause in causes):
        return unusable(settings, "Its body cannot be unpacked.")
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        why = f"{shown} refuses connections: nothing listens there."
        return unreachable(settings, why, "Check that the server runs and that the port is right.", "refused")
    if any(isinstance(cause, urllib3.exceptions.IncompleteRead) for cause in causes):
        return unusable(settings, "The connection ended inside the body.")
    if any(isinstance(cause, requests.exceptions.ChunkedEncodingError) for cause in causes):
        return unusable(settings, "The connection broke inside the body.")
    gone = any(isinstance(cause, RemoteDisconnected) for cause in causes)
    if not gone and any(isinstance(cause, ConnectionResetError) for cause in causes):
        why = f"{shown} broke the connection off."
        return unreachable(settings, why, "Check for a firewall or a restart of the server.", "reset")
    if any(isinstance(cause, _CUT) for cause in causes):
        why = f"{shown} closed the connection without an answer."
        return unreachable(settings, why, "Check that it speaks HTTP at this port and is not restarting.", "closed")
    reason = next((str(cause.strerror) for cause in causes if isinstance(cause, OSError) and cause.strerror), "")
    why = f"{shown}: {plain(reason, 120)}." if reason else f"{shown} cannot be reached."
    return unreachable(settings, why, "Check the address and the network.", "unreachable")


def timed_out(settings: ConnectionSettings, shown: str, deadline_s: float) -> TimedOut:
    return TimedOut(
        Problem(
            what=f"'{settings.id}' did not answer within {deadline_s:.3g} s.",
            why=f"{shown} is silent or very slow.",
            next="Check whether the server is busy or frozen.",
            code="timeout",
        )
    )


def status_error(settings: ConnectionSettings, status: int, reason: str, wait_s: float | None = None) -> AdapterError:
    """What a status outside 2xx means. ``reason``: the server's words, already without secrets. ``wait_s``: how long it asks us
    to wait; told of a server that is too busy (429, 503)."""
    if status == 429:
        error: AdapterError = Busy(_busy(settings, reason, status))
    else:
        error = _status_error(settings, status, reason)
    if status in (429, 503) and wait_s is not None:
        asks = f"It asks to be left alone for {wait_s:.0f} s."
        error = type(error)(replace(error.problem, why=f"{error.problem.why} {asks}"))
        error.wait_s = wait_s
    return error


def _busy(settings: ConnectionSettings, reason: str, status: int) -> Problem:
    said = sentence(reason)
    why = f"It says: {said}" if said else f"It answered with status {status} and no reason."
    then = "Ask it less often (poll_s of the connection), or have its limit raised."
    return Problem(f"'{settings.id}' is asked too often.", why, then, "busy")


def _status_error(settings: ConnectionSettings, status: int, reason: str) -> AdapterError:
    said = sentence(reason)
    why = f"It says: {said}" if said else f"It answered with status {status} and no reason."
    if status == 401:
        what, then = f"'{settings.id}' does not accept the sign-in.", "Enter the user name and the secret again."
        return Denied(Problem(what, why, then, "denied"))
    if status == 403:
        what, then = f"'{settings.id}' does not allow this.", "Ask its owner for the permission."
        return Denied(Problem(what, why, then, "denied"))
    if status in (404, 410):
        what, then = f"'{settings.id}' does not have what was asked for.", "Check the name and the address."
        return NotFound(Problem(what, why, then, "not-found"))
    if 400 <= status < 500:
        return Rejected(Problem(f"'{settings.id}' refused the request.", why, "", "rejected"))
    if status >= 500:
        what, then = f"'{settings.id}' failed by itself (status {status}).", "Look into the server's log."
        return ServerFailed(Problem(what, why, then, "server-failed"))
    return unusable(settings, f"Its status is {status}.")


def tls_failure(settings: ConnectionSettings, shown: str, text: str) -> Unreachable:
    """``text``: the TLS library's own words."""
    lowered = text.lower().replace("_", " ")
    if "expired" in lowered:
        why, then = "Its certificate has expired.", "Have the certificate renewed."
    elif "self-signed" in lowered or "self signed" in lowered or "local issuer" in lowered:
        why, then = (
            "Its certificate is not signed by an authority known here.",
            "Name the authority's file in the connection.",
        )
    elif any(words in lowered for words in ("mismatch", "doesn't match", "does not match", "not valid for")):
        why, then = "Its certificate is made out for another name.", "Use the name that the certificate carries."
    elif "wrong version number" in lowered or "record layer" in lowered:
        why, then = f"{shown} does not speak TLS.", "Use http:// if that is meant, or the server's TLS port."
    elif "protocol" in lowered or "version" in lowered:
        why, then = f"{shown} only speaks an outdated TLS.", "Have TLS 1.2 or newer switched on there."
    else:
        why, then = f"TLS failed: {plain(text, 120)}.", "Check the certificate of the server."
    return unreachable(settings, why, then, "tls")


def unreachable(settings: ConnectionSettings, why: str, then: str, code: str) -> Unreachable:
    return Unreachable(Problem(f"'{settings.id}' cannot be reached.", why, then, code))


def unusable(settings: ConnectionSettings, why: str) -> Unexpected:
    what = f"'{settings.id}' sent an answer that cannot be used."
    return Unexpected(Problem(what, why, "Try again; if it stays, look for a proxy in between.", "unexpected"))


def _timed_out(cause: BaseException) -> bool:
    # urllib3 files a refused connection under its connect timeouts.
    return isinstance(cause, _TIMEOUTS) and not isinstance(cause, urllib3.exceptions.NewConnectionError)


def _causes(error: BaseException | None) -> list[BaseException]:
    """The error and everything wrapped in it: requests and urllib3 carry causes in `args`, `reason` and `__context__`."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            waiting += [*item.args, getattr(item, "reason", None), item.__cause__, item.__context__]
    return found
