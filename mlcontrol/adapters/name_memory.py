"""Where names have led: one that led to the public internet and now leads inside is not followed before a person agrees.

Whoever answers for a name could else have the panel, which sits inside, ask what only those inside may reach (DNS rebinding). What
was seen outlives the process, in a small file of the user's.
"""

from __future__ import annotations

import ipaddress
import json
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import MovedInside


@dataclass(slots=True)
class _Seen:
    """``inside``: addresses that are private, loopback or link-local, known before it was ever public, or agreed to since."""

    public: bool = False
    inside: set[str] = field(default_factory=set)


class NameMemory:
    """*Thread:* any; of several processes of a user, each adds to what the file holds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._seen: dict[str, _Seen] = {}
        self._waiting: dict[str, tuple[str, ...]] = {}

    def keep_in(self, path: Path) -> None:
        """Know what the file knows, and keep it there from now on."""
        with self._lock:
            self._path = path
            self._merge()

    def check(self, host: str, addresses: Iterable[str]) -> None:
        """Learn where a name leads. Raises `MovedInside` where it was public and nobody agreed to what it leads to now."""
        inside = {address for address in addresses if is_inside(address)}
        with self._lock:
            seen = self._seen.get(host)
            if seen is None:
                seen = self._seen[host] = _Seen(not inside, inside)
                self._keep()
            elif not inside:
                self._waiting.pop(host, None)
                if not seen.public:
                    seen.public = True
                    self._keep()
            elif not inside <= seen.inside:
                if seen.public:
                    # A transport that tries one address after the other asks for each alone: a person is asked once for all.
                    self._waiting[host] = tuple(sorted({*self._waiting.get(host, ()), *inside} - seen.inside))
                    raise _moved(host, self._waiting[host])
                seen.inside |= inside
                self._keep()

    def waiting(self, host: str) -> tuple[str, ...]:
        """The addresses inside that it leads to and nobody has agreed to."""
        with self._lock:
            return self._waiting.get(host, ())

    def agree(self, host: str, addresses: Iterable[str]) -> None:
        """A person says that it may lead there; to other addresses inside it still may not."""
        with self._lock:
            self._waiting.pop(host, None)
            self._seen.setdefault(host, _Seen()).inside |= set(addresses)
            self._keep()

    def _merge(self) -> None:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8")) if self._path is not None else {}
            known = {
                str(host): (bool(row["public"]), {str(a) for a in row["inside"]}) for host, row in document.items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return  # none yet, or none of ours: what is seen from now on is known
        for host, (public, inside) in known.items():
            seen = self._seen.setdefault(host, _Seen())
            seen.public |= public
            seen.inside |= inside

    def _keep(self) -> None:
        if self._path is None:
            return
        self._merge()
        told = {host: {"public": s.public, "inside": sorted(s.inside)} for host, s in sorted(self._seen.items())}
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with suppress(OSError):  # it is known for as long as this process lives
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.touch(0o600)
            fresh.write_text(json.dumps(told, indent=1), encoding="utf-8")
            fresh.replace(self._path)


def is_inside(text: str) -> bool:
    """Whether only this machine or its own networks reach it: private, loopback, link-local and their like."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return not address.is_global


def _moved(host: str, addresses: tuple[str, ...]) -> MovedInside:
    return MovedInside(
        Problem(
            f"The name {host} leads inside now, and is not followed.",
            f"It led to public addresses before; now to {', '.join(addresses[:3])}. Whoever answers for the name could have the "
            "panel ask what only those inside may reach.",
            "If that is meant, agree to it on the Connections page, or by mlcontrol connection agree.",
            "moved-inside",
        )
    )


NAMES = NameMemory()
"""One for the process, as look-ups are: where names lead is a fact about the machine and kept in one file of the user's. A guard
that had to be handed to every transport and every adapter, foreign ones among them, would be forgotten by one of them."""
