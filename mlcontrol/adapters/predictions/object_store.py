"""A log in a bucket of an object store: what a question needs is copied here once and read from the copy.

An object is there whole or not at all, and a new one under the same name has another tag: until then a copy is good.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from mlcontrol.adapters.http_errors import timed_out
from mlcontrol.adapters.predictions.log_place import MOST_FILES, folder_name, is_of, too_many
from mlcontrol.adapters.predictions.named_span import NamedSpan, named_span
from mlcontrol.adapters.predictions.s3_client import S3Client, Stored
from mlcontrol.adapters.predictions.scratch import Scratch
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import SecretReader
from mlcontrol.ports.errors import NotFound, Rejected, Unexpected

MOST_OBJECT_BYTES = 256 * 1024 * 1024
MOST_BYTES = 1024 * 1024 * 1024
"""Of one question, and of all copies together."""
_BUCKET = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
_BEHIND_DIGITS = ":"
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class _Copy:
    etag: str
    path: Path
    size: int


class ObjectStore:
    """``url``: ``s3://bucket/prefix``, one folder a service below it. *Thread:* any; questions wait for each other."""

    grows = False

    def __init__(self, url: str, settings: ConnectionSettings, secret: SecretReader, scratch: Scratch) -> None:
        parts = urlsplit(url)
        self._bucket, self._prefix = parts.netloc, unquote(parts.path).strip("/")
        if not _BUCKET.match(self._bucket):
            what = f"{self._bucket[:80]!r} is no name of a bucket."
            raise Rejected(Problem(what, "", "Write the address like s3://bucket/folder.", "rejected"))
        self._client = S3Client(settings, secret)
        self._scratch = scratch
        self._lock = threading.Lock()
        self._copies: OrderedDict[str, _Copy] = OrderedDict()  # by key, the least used first

    def services(self, deadline_s: float) -> list[str]:
        base = f"{self._prefix}/" if self._prefix else ""
        page = self._client.page(self._bucket, base, "", deadline_s, delimiter="/")
        return sorted(PurePosixPath(folder).name for folder in page.folders)

    @contextmanager
    def files(
        self, service: str, suffixes: tuple[str, ...], since_s: float, until_s: float, deadline_s: float
    ) -> Iterator[list[Path]]:
        ends = time.monotonic() + deadline_s
        base = "/".join(part for part in (self._prefix, folder_name(service)) if part) + "/"
        if not self._lock.acquire(timeout=deadline_s):
            raise timed_out(self._client.settings, self._client.target.shown, deadline_s)
        try:
            wanted = self._listed(service, base, suffixes, since_s, until_s, ends, deadline_s)
            whole = sum(one.size for one in wanted)
            if whole > MOST_BYTES:
                what = f"The prediction log of {service} is too large for this question."
                why = f"{len(wanted)} objects with {whole / 2**20:,.0f} MB can hold the span; {MOST_BYTES / 2**20:,.0f} are read."
                raise Unexpected(
                    Problem(what, why, "Ask for a shorter span, or write the log as Parquet.", "too-large")
                )
            found = [self._copied(one, self._left_s(ends, deadline_s)) for one in wanted]
            self._make_room({one.key for one in wanted})
            yield sorted(path for path in found if path is not None)
        finally:
            self._lock.release()

    def close(self) -> None:
        self._client.close()

    def _listed(
        self,
        service: str,
        base: str,
        suffixes: tuple[str, ...],
        since_s: float,
        until_s: float,
        ends: float,
        deadline_s: float,
    ) -> list[Stored]:
        """Objects that can hold the span. Pages of other days are jumped over, not read."""
        found: list[Stored] = []
        after = ""
        while True:
            page = self._client.page(self._bucket, base, after, self._left_s(ends, deadline_s))
            for one in page.objects:
                name = one.key.removeprefix(base)
                named = named_span(name)
                if (
                    one.size > 0
                    and is_of(one.key, suffixes)
                    and not any(part.startswith((".", "_")) for part in name.split("/"))
                    and (named is None or named.touches(since_s, until_s))
                ):
                    found.append(one)
            if len(found) > MOST_FILES:
                raise too_many(service)
            if not page.truncated or not page.objects:
                return found
            last = page.objects[-1].key
            after = max(last, _jump(base, named_span(last.removeprefix(base)), since_s, until_s))

    def _copied(self, one: Stored, deadline_s: float) -> Path | None:
        """`None`: it was removed in the meantime."""
        known = self._copies.get(one.key)
        if known is not None and known.etag == one.etag:
            self._copies.move_to_end(one.key)
            return known.path
        path = self._scratch.fresh(PurePosixPath(one.key).suffix)
        try:
            self._client.take(self._bucket, one.key, path, deadline_s, MOST_OBJECT_BYTES)
        except NotFound:
            path.unlink(missing_ok=True)
            return None
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        if known is not None:
            known.path.unlink(missing_ok=True)
        self._copies[one.key] = _Copy(one.etag, path, path.stat().st_size)
        self._copies.move_to_end(one.key)
        return path

    def _make_room(self, needed: set[str]) -> None:
        total = sum(copy.size for copy in self._copies.values())
        for key in [key for key in self._copies if key not in needed]:
            if total <= MOST_BYTES:
                return
            dropped = self._copies.pop(key)
            dropped.path.unlink(missing_ok=True)
            total -= dropped.size

    def _left_s(self, ends: float, deadline_s: float) -> float:
        left_s = ends - time.monotonic()
        if left_s <= 0:
            raise timed_out(self._client.settings, self._client.target.shown, deadline_s)
        return left_s


def _jump(base: str, last: NamedSpan | None, since_s: float, until_s: float) -> str:
    """Where to go on behind an object of that span: keys with the same head sort by their days. Empty: with the next one."""
    if last is None:
        return ""
    if last.end_s <= since_s:
        return base + last.day_of(since_s - _DAY_S) + _BEHIND_DIGITS
    return base + last.head + _BEHIND_DIGITS if last.start_s >= until_s else ""
