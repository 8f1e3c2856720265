"""libcurl's ways to fail, in the words of `adapters.http_errors`."""

from __future__ import annotations

import pycurl

from mlcontrol.adapters.http_errors import timed_out, tls_failure, unreachable, unusable
from mlcontrol.adapters.plain_text import plain
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.errors import AdapterError, Unreachable

_TLS = (pycurl.E_SSL_CONNECT_ERROR, pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE)


def curl_failure(settings: ConnectionSettings, shown: str, deadline_s: float, code: int, words: str) -> AdapterError:
    """The typed error of a transfer that did not end in an answer. ``shown``: host and port."""
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return timed_out(settings, shown, deadline_s)
    if code in _TLS:
        return tls_failure(settings, shown, words)
    if code == pycurl.E_COULDNT_RESOLVE_HOST:
        what = f"The name {shown.rpartition(':')[0]} is not known here."
        return Unreachable(Problem(what, "No such name.", "Check the spelling, and DNS on this machine.", "name"))
    if code == pycurl.E_COULDNT_CONNECT:
        why = f"{shown} refuses connections: nothing listens there."
        return unreachable(settings, why, "Check that the server runs and that the port is right.", "refused")
    if code in (pycurl.E_BAD_CONTENT_ENCODING, pycurl.E_WRITE_ERROR):
        return unusable(settings, "Its body cannot be unpacked.")
    if code == pycurl.E_PARTIAL_FILE:
        return unusable(settings, "The connection ended inside the body.")
    if code == pycurl.E_GOT_NOTHING:
        why = f"{shown} closed the connection without an answer."
        return unreachable(settings, why, "Check that it speaks HTTP at this port and is not restarting.", "closed")
    if code == pycurl.E_RECV_ERROR:
        why = f"{shown} broke the connection off."
        return unreachable(settings, why, "Check for a firewall or a restart of the server.", "reset")
    return unreachable(settings, f"{shown}: {plain(words, 120)}.", "Check the address and the network.", "unreachable")
