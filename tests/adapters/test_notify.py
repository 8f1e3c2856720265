"""Telling people: the session bus with a real daemon, a hook with a real HTTP server."""

from __future__ import annotations

import json
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mlcontrol.adapters.notify.desktop import DesktopNotifications
from mlcontrol.adapters.notify.hook import OutboundHook
from mlcontrol.adapters.notify.session_bus import session_bus
from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.settings import ConnectionSettings, WorkspaceSettings
from mlcontrol.core.types import ConnectionKind, Health
from mlcontrol.engine import panel
from mlcontrol.ports.errors import NotSupported, TimedOut, Unexpected, Unreachable

LINK = "mlcontrol://incident?service=digits&alert=use"
SERVICE = Path(__file__).with_name("notification_service.py")


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A session bus of this test's own."""
    daemon = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address", f"--address=unix:path={tmp_path}/bus"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert daemon.stdout is not None
    address = daemon.stdout.readline().strip()
    assert address, "dbus-daemon did not start"
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    yield address
    daemon.terminate()
    daemon.wait(10)
    daemon.stdout.close()


@pytest.fixture
def desktop(bus: str, tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Starts the stand-in for a desktop's notification service and returns the file it keeps."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*how: str) -> Path:
        kept = tmp_path / "shown.json"
        started.append(subprocess.Popen([sys.executable, SERVICE, kept, *how]))
        ends = time.monotonic() + 60
        while not kept.exists():
            assert time.monotonic() < ends
            time.sleep(0.02)
        return kept

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


@pytest.mark.real
def test_the_desktop_shows_it_and_the_same_title_replaces_itself(desktop: Callable[..., Path]) -> None:
    kept = desktop()
    told = DesktopNotifications()
    assert DesktopNotifications.viability().viable
    told.send("digits: use", "errors 6 % <img src=x> & more", Health.CRITICAL)
    told.send("churn: presence", "silent", Health.WARNING)
    told.send("digits: use", "errors 7 %", Health.CRITICAL)
    shown = json.loads(kept.read_text())
    assert [(s["id"], s["title"], s["urgency"]) for s in shown] == [
        (1, "digits: use", 2), (2, "churn: presence", 1), (1, "digits: use", 2),
    ]  # fmt: skip
    assert shown[0]["body"] == "errors 6 % &lt;img src=x&gt; &amp; more"  # markup of strangers is text


@pytest.mark.real
def test_who_clicks_is_led_to_the_incident(desktop: Callable[..., Path]) -> None:
    desktop("click")
    followed: queue.SimpleQueue[str] = queue.SimpleQueue()
    told = DesktopNotifications(followed.put)
    try:
        told.send("churn: presence", "silent", Health.WARNING)  # leads nowhere: nothing to click
        told.send("digits: use", "errors 6 %", Health.CRITICAL, link=LINK)
        assert followed.get(timeout=30) == LINK
        told.send("digits: use", "errors 7 %", Health.CRITICAL, link=f"{LINK}2")
        assert followed.get(timeout=30) == f"{LINK}2"
        assert followed.empty()
    finally:
        told.close()


@pytest.mark.real
def test_a_click_opens_the_panel_at_the_incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that is run, written down by a stand-in for Python: the window itself is tried in the deep link's tests."""
    ran = tmp_path / "ran"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {ran}.part && mv {ran}.part {ran}\n')
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    panel.open_panel(WorkspaceSettings("w", str(tmp_path / "mlcontrol.toml")), LINK)
    ends = time.monotonic() + 30
    while not ran.exists():
        assert time.monotonic() < ends
        time.sleep(0.02)
    assert ran.read_text().split() == ["-m", "mlcontrol", "--workspace", str(tmp_path / "mlcontrol.toml"), LINK]
    (child,) = panel._started
    assert child.wait(30) == 0
    panel._started.clear()


@pytest.mark.real
def test_a_window_that_a_click_opens_gets_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 63: whatever a connection or a way to people keeps in a variable."""
    told, python = tmp_path / "told", tmp_path / "python"
    python.write_text(f"#!/bin/sh\nenv > {told}.part && mv {told}.part {told}\n")
    python.chmod(0o700)
    registry = ConnectionSettings("r", ConnectionKind.REGISTRY, "mlflow", "", "token", secret="env:R_TOKEN")
    told_by = NotifySettings("n", "hook", secret="env:N_TOKEN")
    workspace = WorkspaceSettings("w", "w.toml", connections={"r": registry}, notify={"n": told_by})
    for name in ("R_TOKEN", "N_TOKEN", "HARMLESS"):
        monkeypatch.setenv(name, f"value of {name}")
    monkeypatch.setattr(sys, "executable", str(python))
    panel.open_panel(workspace, LINK)
    (child,) = panel._started
    assert child.wait(30) == 0
    panel._started.clear()
    assert "value of HARMLESS" in told.read_text()
    assert "TOKEN" not in told.read_text()


@pytest.mark.real
def test_a_desktop_that_shows_nothing_says_so(bus: str, desktop: Callable[..., Path]) -> None:
    with pytest.raises(Unreachable, match="was not shown"):
        DesktopNotifications().send("a", "b", Health.WARNING)
    desktop("refuse")
    with pytest.raises(Unexpected, match="refused"):
        DesktopNotifications().send("a", "b", Health.WARNING)


def test_a_bus_that_ended_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    with pytest.raises(Unreachable):
        DesktopNotifications().send("a", "b", Health.WARNING)


def told_with_a_link() -> tuple[str, list[Any]]:
    """Why a notification was not shown, and what was logged of it."""
    with (
        closing(DesktopNotifications(lambda _link: None)) as told,
        capture_logs() as logged,
        pytest.raises(Unreachable) as refused,
    ):
        told.send("a", "b", Health.WARNING, link=LINK)
    return refused.value.problem.why, list(logged)


NO_BUS = [
    ("", "is not set"),
    ("disabled:", "turns it off"),
    ("tcp:host=127.0.0.1,port=1", "no socket of this machine"),
    ("autolaunch:", "no socket of this machine"),
    ("unix:path", "no socket of this machine"),
    ("nothing", "no socket of this machine"),
]


@pytest.mark.parametrize(("address", "words"), NO_BUS)
def test_no_session_bus_is_a_quiet_state_that_is_said_in_words(
    address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    viability = DesktopNotifications.viability()
    assert not viability.viable
    assert viability.why.startswith("there is no session bus")
    assert words in viability.why
    assert told_with_a_link() == (viability.why, [])


def test_twin_the_library_alone_would_log_how_it_split_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("session_bus", "desktop_clicks"):
        monkeypatch.setattr(f"mlcontrol.adapters.notify.{module}.session_bus", lambda: "disabled:")
    why, logged = told_with_a_link()
    assert "not enough values to unpack" in why
    assert ["not enough values to unpack" in one["why"] for one in logged] == [True]


def test_of_several_addresses_the_first_that_can_be_spoken_to_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "nothing;tcp:host=a,port=1;unix:path=/a,guid=1;unix:path=/b")
    assert session_bus() == "unix:path=/a,guid=1"
    assert DesktopNotifications.viability().viable


class Web:
    """A real HTTP server that keeps what is posted, and answers as it is told."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.status, self.headers = 200, {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.posted.append((self.path, json.loads(body or b"{}")))
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """The test's output stays clean."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.close()


def hook(url: str, secret: str | None = None) -> OutboundHook:
    return OutboundHook("chat", url, lambda: secret)


@pytest.mark.real
def test_a_hook_gets_title_text_and_gravity(web: Web) -> None:
    hook(f"json://{web.address}/alerts").send("digits: use", "errors 6 % <b>", Health.CRITICAL)
    hook("json://" + web.address + "/{secret}", "t0p").send("churn: use", "slow", Health.WARNING)
    hook("", f"json://{web.address}/whole").send("churn: use", "slow", Health.WARNING)
    assert [path for path, _ in web.posted] == ["/alerts", "/t0p", "/whole"]
    first = web.posted[0][1]
    assert (first["title"], first["message"], first["type"]) == ("digits: use", "errors 6 % <b>", "failure")


@pytest.mark.real
def test_trouble_is_told_without_the_secret(web: Web, capfd: pytest.CaptureFixture[str]) -> None:
    web.status = 503
    with pytest.raises(Unexpected, match="refused") as refused:
        hook("json://" + web.address + "/{secret}", "t0psecret").send("a", "b", Health.WARNING)
    assert "503" in refused.value.problem.why
    assert "t0psecret" not in str(refused.value.problem)
    out, err = capfd.readouterr()
    assert "t0psecret" not in out + err


@pytest.mark.real
def test_a_redirect_is_not_followed(web: Web) -> None:
    other = Web()
    try:
        web.status, web.headers = 307, {"Location": f"http://{other.address}/stolen"}
        with pytest.raises(Unexpected):
            hook(f"json://{web.address}/").send("a", "b", Health.WARNING)
        assert other.posted == []
    finally:
        other.close()


@pytest.mark.real
def test_nobody_there_and_addresses_that_lead_nowhere(web: Web) -> None:
    address = web.address
    web.server.server_close()
    with pytest.raises((Unreachable, TimedOut)):
        hook(f"json://{address}/").send("a", "b", Health.WARNING, 2.0)
    for url in ("nothing", "syslog://localhost", "dbus://"):
        with pytest.raises(NotSupported):
            hook(url).send("a", "b", Health.WARNING)


def test_an_address_that_is_none_is_not_logged_for_its_secret_is_in_it(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(NotSupported):
        hook("nothing-like-it/{secret}", "hush").send("a", "b", Health.WARNING)
    assert "hush" not in caplog.text


class Dripping:
    """Takes the message, and answers a byte at a time until it is let go."""

    def __init__(self) -> None:
        self.calls = 0
        self.go = threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.server.getsockname()[1]}"
        self.threads = [threading.Thread(target=self._serve)]
        self.threads[0].start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.server.accept()
            except OSError:
                return
            self.calls += 1
            self.threads.append(threading.Thread(target=self._drip, args=(line,)))
            self.threads[-1].start()

    def _drip(self, line: socket.socket) -> None:
        with line, suppress(OSError):
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not self.go.wait(0.1):
                line.sendall(b"x")

    def close(self) -> None:
        self.go.set()
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for thread in self.threads:
            thread.join(10)


@pytest.mark.real
def test_a_hook_that_drips_its_answer_ends_with_its_deadline_and_holds_no_other_up(web: Web) -> None:
    """Fault 2: the deadline is for all of the answer. Whoever drips is not asked anew while it does."""
    dripping = Dripping()
    slow = hook(f"json://{dripping.address}/")
    try:
        began = time.monotonic()
        with pytest.raises(TimedOut):
            slow.send("a", "b", Health.WARNING, 1.0)
        assert time.monotonic() - began < 5
        with pytest.raises(TimedOut, match="still"):
            slow.send("a", "b", Health.WARNING, 1.0)
        assert dripping.calls == 1
        hook(f"json://{web.address}/").send("a", "b", Health.WARNING, 5.0)
        assert len(web.posted) == 1
    finally:
        dripping.close()
        slow.close()
        assert until_no_thread("hook"), "what was dripped to has ended"


def until_no_thread(name: str) -> bool:
    ends = time.monotonic() + 30
    while any(thread.name.startswith(name) for thread in threading.enumerate()):
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True
