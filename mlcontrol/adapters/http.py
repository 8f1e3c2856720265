"""The one HTTP client of the adapters, on requests.

What it adds: a total deadline, a cap on the decoded body, no redirects, nothing from the environment (proxies, .netrc, CA
bundles, TLS key logs), no cookies, one session per thread, and errors in words with the secret cut out of them.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from mlcontrol.adapters.deadline import BoundedHTTPPool, BoundedHTTPSPool, Deadline
from mlcontrol.adapters.http_errors import failure, status_error
from mlcontrol.adapters.plain_text import plain
from mlcontrol.adapters.retry_after import wait_s
from mlcontrol.adapters.sender_clock import SenderClock
from mlcontrol.adapters.sent_secret import SentSecret, basic
from mlcontrol.adapters.strict_json import BadJsonError, parse, whole
from mlcontrol.adapters.target import Target, http_target
from mlcontrol.core.clock_off import ClockOff
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import SecretReader
from mlcontrol.ports.errors import AdapterError, NeedsCredentials, Unexpected

BODY_CAP_BYTES = 32 * 1024 * 1024
_CHUNK = 64 * 1024
REDIRECTS = (301, 302, 303, 307, 308)


class Response(msgspec.Struct, frozen=True):
    """A whole answer. ``framed``: its length was announced, so that a cut would have been noticed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    latency_ms: float
    framed: bool = True

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")


class Call(msgspec.Struct, frozen=True):
    """What is sent. ``headers`` never hold a credential: the client adds it. ``body``: JSON already written, not ``json``."""

    method: str
    path: str
    params: Mapping[str, str] = {}
    json: Any = None
    headers: Mapping[str, str] = {}
    body: bytes | None = None


CACHED_S = 10
"""An older answer of a cache (RFC 9111, Age) is no answer of the server: two polls are missed, and the state is stale."""


class HttpClient:
    """Speaks to one connection's server. Making one does no I/O; an address it may not use raises `NotSupported`. *Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.settings = settings
        self.target: Target = http_target(settings.url)
        self.clock = SenderClock()
        self._read_secret = secret
        self._secret: str | None = None
        self._sent = SentSecret(settings.username)
        self._lock = threading.Lock()
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._closed = False

    def send(self, call: Call, deadline_s: float, cap_bytes: int = BODY_CAP_BYTES) -> Response:
        """One answer of any status but a redirect. Raises `TimedOut`, `Unreachable`, `Unexpected`, `NeedsCredentials`."""
        parts: list[bytes] = []
        head = self.stream(call, parts.append, deadline_s, cap_bytes)
        return Response(head.status, head.headers, b"".join(parts), head.latency_ms, head.framed)

    def get(self, path: str, deadline_s: float, params: Mapping[str, str] | None = None) -> Response:
        """A 2xx answer to a GET; other statuses raise what they mean."""
        return self.checked(Call("GET", path, params or {}), deadline_s)

    def get_json(self, path: str, deadline_s: float, params: Mapping[str, str] | None = None) -> Any:
        return self.json_of(self.get(path, deadline_s, params))

    def checked(self, call: Call, deadline_s: float) -> Response:
        response = self.send(call, deadline_s)
        if not 200 <= response.status < 300:
            raise self.refusal(response)
        return response

    def refusal(self, response: Response) -> AdapterError:
        """What a status outside 2xx means, with the server's own words where it has any."""
        reason = self.redact(_reason(response))
        if response.status in (401, 403):
            self.forget_secret()
        return status_error(self.settings, response.status, reason, wait_s(response.headers))

    def forget_secret(self) -> None:
        """It was not accepted: the next call reads it anew."""
        with self._lock:
            self._secret = None

    def json_of(self, response: Response) -> Any:
        """The answer as strict JSON; a login page, a cut body or hostile JSON is `Unexpected`."""
        try:
            return whole(parse(body := self._sent.out_of_data(response.body)), body)
        except BadJsonError as error:
            raise self.unexpected(f"It is not the JSON that was asked for: {error}.", response) from error

    def unexpected(self, why: str, response: Response | None = None) -> Unexpected:
        kind = response.headers.get("content-type", "") if response is not None else ""
        seen = f" It looks like a web page ({plain(kind, 60)})." if "html" in kind.lower() else ""
        return Unexpected(
            Problem(
                what=f"'{self.settings.id}' sent an answer that cannot be used.",
                why=self.redact(why) + seen,
                next="Check that the address is the server itself, not a login page or another service in front of it.",
                code="unexpected",
            )
        )

    def stream(
        self, call: Call, consume: Callable[[bytes], object], deadline_s: float, cap_bytes: int = BODY_CAP_BYTES
    ) -> Response:
        """As `send`, handing the decoded body over piece by piece; the answer's own ``body`` stays empty."""
        headers = self.headers_of(call)
        started = time.monotonic()
        with Deadline(deadline_s) as deadline:
            try:
                status, answered, framed = self._exchange(call, headers, deadline, consume, cap_bytes)
            except AdapterError:
                raise
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise failure(self.settings, self.target.shown, deadline, error) from error
            if deadline.fired:
                raise failure(self.settings, self.target.shown, deadline, None)
        return Response(status, answered, b"", (time.monotonic() - started) * 1000.0, framed)

    def redact(self, text: str) -> str:
        """The text without the connection's secret in any form that this client sends."""
        return self._sent.out_of(text)

    def text_of(self, response: Response, errors: str = "strict") -> str:
        """The answer as text without the secret. Raises `UnicodeDecodeError` unless ``errors`` says what else to do."""
        return self._sent.out_of_data(response.body).decode("utf-8", errors)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            sessions, self._sessions, self._secret = self._sessions, [], None
        for session in sessions:
            session.close()

    def _exchange(
        self,
        call: Call,
        headers: dict[str, str],
        deadline: Deadline,
        consume: Callable[[bytes], object],
        cap_bytes: int,
    ) -> tuple[int, Mapping[str, str], bool]:
        sent = time.monotonic()
        answer = self._session().request(
            call.method,
            self.target.base + call.path,
            params=dict(call.params) or None,
            json=call.json,
            data=call.body,
            headers=headers,
            timeout=max(deadline.remaining_s, 0.001),
            allow_redirects=False,
            stream=True,
            verify=self.settings.ca_file or DEFAULT_CA_BUNDLE_PATH,
        )
        try:
            status, answered = answer.status_code, {k.lower(): v for k, v in answer.headers.items()}
            if (elsewhere := self.not_from_the_server(status, answered)) is not None:
                raise elsewhere
            received_s = time.time()
            self.clock.heard(answered, received_s - (time.monotonic() - sent), received_s)
            length = answered.get("content-length", "")
            framed = "chunked" in answered.get("transfer-encoding", "").lower() or length.isdigit()
            if length.isdigit() and int(length) > cap_bytes:
                raise self.too_large(cap_bytes)
            taken = 0
            for piece in answer.raw.stream(_CHUNK, decode_content=True):
                taken += len(piece)
                if taken > cap_bytes:
                    raise self.too_large(cap_bytes)
                consume(piece)
        except BaseException:
            answer.raw.close()  # what is left of the body must not be read as the next answer
            raise
        finally:
            answer.close()
        if not framed and not taken and status not in (204, 304) and not deadline.fired:
            raise self.unexpected("The connection ended inside the headers.")
        return status, answered, framed

    def headers_of(self, call: Call) -> dict[str, str]:
        """All headers of a call, the credential with them. Raises `NeedsCredentials`."""
        # Packing costs more than it saves on loopback.
        headers = {"Accept-Encoding": "identity" if self.target.loopback else "gzip", "User-Agent": "mlcontrol"}
        headers["Cache-Control"] = "no-cache"
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        headers.update(call.headers)
        if self.settings.auth == "none":
            return headers
        secret = self._current_secret()
        if self.settings.auth == "basic":
            headers["Authorization"] = "Basic " + basic(self.settings.username, secret)
        else:
            headers["Authorization"] = f"Bearer {secret}"
        return headers

    def _current_secret(self) -> str:
        with self._lock:
            known = self._secret
        if known is None:
            known = self._read_secret()
            if not known:
                raise NeedsCredentials(
                    Problem(
                        what=f"'{self.settings.id}' has no secret here.",
                        why="Its sign-in is set up, but no password or token is stored for it.",
                        next="Enter it on the Connections page.",
                        code="credentials",
                    )
                )
            with self._lock:
                self._secret = known
        if not known.isprintable():
            raise NeedsCredentials(
                Problem(
                    what=f"The secret of '{self.settings.id}' cannot be sent.",
                    why="It holds a line break or another control character.",
                    next="Enter it again on the Connections page.",
                    code="credentials",
                )
            )
        self._sent.add(known)
        return known

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = new_session(self.target.scheme == "https")
            with self._lock:
                self._sessions.append(session)
            self._local.session = session
        return session

    def not_from_the_server(self, status: int, answered: Mapping[str, str]) -> AdapterError | None:
        """Why this is no answer of the server itself: it leads elsewhere, or a cache kept it. ``answered``: headers, lower case."""
        if status in REDIRECTS:
            return self.redirected(answered.get("location", ""))
        age = answered.get("age", "")
        if age.isdigit() and int(age) > CACHED_S:
            return self.unexpected(f"A cache in front of it answered, with what was true {int(age)} s ago.")
        return None

    def redirected(self, location: str) -> Unexpected:
        parts = urlsplit(location)
        # Only scheme and host: the rest of a redirect may carry tokens.
        shown = f"{parts.scheme}://{parts.hostname}" if parts.hostname else "another path"
        return Unexpected(
            Problem(
                what=f"'{self.settings.id}' redirects to {plain(shown, 120)}, blocked.",
                why="Following it could hand the credentials to another server.",
                next="If that is the right server, put its address into the connection.",
                code="redirect",
            )
        )

    def too_large(self, cap_bytes: int) -> Unexpected:
        return Unexpected(
            Problem(
                what=f"'{self.settings.id}' sent an answer that is too large.",
                why=f"It is over {cap_bytes / 1_048_576:.4g} MB when unpacked.",
                next="Check that the address is right, or have the server send less.",
                code="too-large",
            )
        )


class DatedByServer:
    """Base of adapters whose one server dates its answers (`ports.connection.TellsTime`)."""

    http: HttpClient

    @property
    def clock_off(self) -> ClockOff | None:
        return self.http.clock.off


class _BoundedTransport(HTTPAdapter):
    """requests over connections that know the thread's deadline."""

    def __init__(self, secure: bool) -> None:
        self._secure = secure
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        if self._secure:
            # The plain class: `create_default_context` obeys SSLKEYLOGFILE.
            options["ssl_context"] = context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        super().init_poolmanager(connections, maxsize, block, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": BoundedHTTPPool, "https": BoundedHTTPSPool}


def new_session(secure: bool) -> requests.Session:
    """A session that takes nothing from the environment and keeps no cookies. ``secure``: for https, else for http. A fleet has
    thousands of them, and the state of TLS is most of what one would hold."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    session.adapters.clear()
    session.mount("https://" if secure else "http://", _BoundedTransport(secure))
    return session


def _reason(response: Response) -> str:
    """The server's words for a failure: the usual JSON fields, else its plain text; a web page says nothing."""
    if "html" in response.headers.get("content-type", "").lower():
        return ""
    try:
        document = parse(response.body[:65536])
    except BadJsonError:
        return response.text[:1000]
    if isinstance(document, dict):
        for name in ("message", "error", "detail"):
            if isinstance(document.get(name), str):
                return str(document[name])
    return document if isinstance(document, str) else ""
