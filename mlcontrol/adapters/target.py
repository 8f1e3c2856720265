"""Where a connection may go: the policy on addresses, and name look-ups that end in time."""

from __future__ import annotations

import ipaddress
import socket
import threading
from concurrent.futures import Future, TimeoutError as FutureTimeout
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from mlcontrol.adapters.name_memory import NAMES
from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import NotSupported, TimedOut, Unreachable

_METADATA = {ipaddress.ip_address(text) for text in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16")}
_METADATA_NAMES = {"metadata", "metadata.google.internal", "metadata.goog"}
LOOK_UP_S = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address. ``base``: scheme, host, port and path without a trailing slash."""

    scheme: str
    host: str
    port: int
    base: str

    @property
    def loopback(self) -> bool:
        return _is_loopback(self.host)

    @property
    def is_name(self) -> bool:
        return _literal(self.host.partition("%")[0]) is None

    @property
    def shown(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def http_target(url: str) -> Target:
    """Check an http(s) address as a person typed it. Raises `NotSupported` with what to write instead."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused("This is not an address.", str(error), "Write it like http://host:port.") from error
    if parts.scheme not in ("http", "https"):
        why = f"'{parts.scheme}:' is not spoken here." if parts.scheme else "It has no scheme."
        raise _refused("Only http and https addresses can be used.", why, "Write it like http://host:port.")
    if parts.username is not None or parts.password is not None:
        raise _refused(
            "The address holds a user name or password.",
            "Addresses are stored and shown; secrets are not.",
            "Put the user name into its own field and the password into the keyring.",
        )
    if parts.query or parts.fragment:
        raise _refused("The address has a '?' or '#' part.", "Each request brings its own.", "Leave that part out.")
    host = parts.hostname or ""
    check_host(host)
    number = port or (443 if parts.scheme == "https" else 80)
    shown = f"[{host}]" if ":" in host else host
    return Target(parts.scheme, host, number, f"{parts.scheme}://{shown}:{number}{parts.path.rstrip('/')}")


def check_host(host: str) -> None:
    """Refuse hosts that are empty, look like something else, or are a cloud's metadata service."""
    if not host:
        raise _refused("The address has no host.", "", "Write it like http://host:port.")
    if not host.isascii():
        try:
            ascii_name = host.encode("idna").decode()
        except UnicodeError:
            ascii_name = ""
        hint = f"If it is the right host, write it as {ascii_name}." if ascii_name else "Check the spelling."
        raise _refused("The host name has letters outside ASCII.", "They can imitate another name.", hint)
    if host.rstrip(".").lower() in _METADATA_NAMES:
        raise blocked_address(host)
    address = _literal(host)
    if address is not None:
        check_address(host)
    elif _numeric(host.rstrip(".").rpartition(".")[2]):
        raise _refused("The host is a number, not a name or an address.", "", "Write the address as four numbers.")


def check_address(text: str) -> None:
    """Refuse link-local and metadata addresses, also when a name resolves to one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA:
        raise blocked_address(text)


def blocked_address(shown: str) -> Unreachable:
    return Unreachable(
        Problem(
            what=f"The address {shown} is never contacted.",
            why="It is a link-local, multicast or cloud metadata address.",
            next="Use the server's own address.",
            code="blocked-address",
        )
    )


class Resolver:
    """Name look-ups with a deadline. One look-up per name is under way at a time, however many wait for it. *Thread:* any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[tuple[str, int], Future[tuple[str, ...]]] = {}

    def addresses(self, host: str, port: int, deadline_s: float) -> tuple[str, ...]:
        """Checked numeric addresses in the system's order. Raises `Unreachable` or `TimedOut`."""
        if _literal(host.partition("%")[0]) is not None:
            check_address(host)
            return (host,)
        wait_s = min(deadline_s, LOOK_UP_S)
        try:
            found = self._ask(host, port).result(timeout=max(0.0, wait_s))
        except FutureTimeout as error:
            what = f"The name {host} could not be looked up within {wait_s:.3g} s."
            raise TimedOut(
                Problem(what, "The name server does not answer.", "Check DNS on this machine.", "timeout")
            ) from error
        except OSError as error:
            reason = error.strerror or "no such name"
            what = f"The name {host} is not known here."
            raise Unreachable(
                Problem(what, f"{reason}.", "Check the spelling, and DNS on this machine.", "name")
            ) from error
        for address in found:
            check_address(address)
        NAMES.check(host, found)
        return found

    def _ask(self, host: str, port: int) -> Future[tuple[str, ...]]:
        key = (host, port)
        with self._lock:
            waiting = self._under_way.get(key)
            if waiting is not None:
                return waiting
            future: Future[tuple[str, ...]] = Future()
            self._under_way[key] = future
        threading.Thread(target=self._look_up, args=(key, future), name=f"look-up {host}", daemon=True).start()
        return future

    def _look_up(self, key: tuple[str, int], future: Future[tuple[str, ...]]) -> None:
        try:
            rows = socket.getaddrinfo(*key, type=socket.SOCK_STREAM)
            answer = tuple(dict.fromkeys(str(row[4][0]) for row in rows))
        except (OSError, UnicodeError) as error:
            self._forget(key)
            future.set_exception(error if isinstance(error, OSError) else OSError(0, "not a host name"))
        else:
            self._forget(key)
            future.set_result(answer)

    def _forget(self, key: tuple[str, int]) -> None:
        with self._lock:
            self._under_way.pop(key, None)


RESOLVER = Resolver()


@lru_cache(maxsize=1024)  # asked for every request
def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_literal(host) is not None and ipaddress.ip_address(host).is_loopback)


def _literal(host: str) -> str | None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    return host


def _numeric(label: str) -> bool:
    return label.isdigit() or (
        label.lower().startswith("0x") and all(c in "0123456789abcdef" for c in label[2:].lower())
    )


def _refused(what: str, why: str, hint: str) -> NotSupported:
    return NotSupported(Problem(what, why, hint, "address"))
