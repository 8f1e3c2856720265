"""A secret with a known text, in what the rollouts page and the incident page of a whole real fleet copy, show and write to files.

Before the fleet's registry stands a gateway that debugs: it says back how it was asked, in what it refuses and in the notes of what
it hands out. What else a panel shows and copies is searched in `tests/gui/test_secret_canary.py`.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
import zlib
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QGuiApplication

from mlcontrol.adapters.sent_secret import SentSecret
from mlcontrol.core.incidents.incident import EntryKind
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.problem import ProblemError
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import InlineHost, new_request
from mlcontrol.gui.pages.incident_texts import TextsSheet
from mlcontrol.testing.fleet import RunningFleet
from tests.canary import CANARY, Echo, seen_in
from tests.canary_panel import copied, picture, words_of
from tests.e2e.conftest import Watcher, until
from tests.e2e.test_window_journey import Hands, opened_window

pytestmark = [pytest.mark.window, pytest.mark.timeout(900)]

VARIABLE = "COPIES_CANARY"
NOTED = ("managed-by", "owner", "description", "stage")
"""Tags in which the gateway says it: two of them name whoever keeps the model, which a plan tells."""


class Gateway(Echo):
    """Hands on to ``upstream``, a real registry. ``shut``: what it refuses instead, with the echo: paths with that in them, which
    all have with nothing in it; `None`: nothing."""

    refusing = (500,)
    upstream: int
    shut: str | None

    def do_GET(self) -> None:
        if type(self).shut is not None and type(self).shut in self.path:
            super().do_GET()
            return
        said = self.headers.get("Authorization", "")
        type(self).asked.append(said)
        there = http.client.HTTPConnection("127.0.0.1", type(self).upstream, timeout=60)
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        there.request(self.command, self.path, sent, {"Content-Type": "application/json"})
        answer = there.getresponse()
        body = _noted(answer.read(), said)
        there.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type") or "")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - named by its base class


def _noted(body: bytes, said: str) -> bytes:
    """The answer with tags of the gateway's own on every model and version in it."""
    try:
        document = json.loads(body)
    except ValueError:
        return body
    for name in ("registered_model", "model_version", "registered_models", "model_versions"):
        rows = document.get(name) or []
        for row in rows if isinstance(rows, list) else [rows]:
            row["tags"] = [*row.get("tags", ()), *({"key": key, "value": said} for key in NOTED)]
            row["description"] = said
    return json.dumps(document).encode()


@pytest.fixture
def gateway(fleet: RunningFleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Gateway]]:
    """The fleet's workspace asks its registry through the gateway, with the secret."""
    Gateway.asked, Gateway.upstream, Gateway.shut = [], fleet.ports["mlflow"], None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv(VARIABLE, CANARY)
    before = fleet.workspace.read_text()
    address = f'url = "http://127.0.0.1:{fleet.ports["mlflow"]}"'
    assert address in before
    through = f'url = "http://127.0.0.1:{server.server_port}"\nauth = "token"\nsecret = "env:{VARIABLE}"'
    fleet.workspace.write_text(before.replace(address, through))
    yield Gateway
    fleet.workspace.write_text(before)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hands(fleet: RunningFleet, gateway: type[Gateway], qtbot: Any) -> Iterator[Hands]:
    watching = Watcher(fleet.workspace)
    with opened_window(fleet, qtbot) as found:
        yield found
    watching.close()


def acts(hands: Hands) -> dict[str, Any]:
    return {bound.action.id: bound.act for bound in hands.window.bound_actions()}


def leaked(hands: Hands) -> list[str]:
    return seen_in(words_of(hands.window).encode() + picture(hands.window))


def copies(hands: Hands, *names: str) -> dict[str, bytes]:
    """What each of these actions puts on the clipboard."""
    found = {}
    for name in names:
        QGuiApplication.clipboard().setText("nothing yet")
        acts(hands)[name]()
        found[name] = copied()
        assert b"nothing yet" not in found[name], name
    return found


def test_no_copy_plan_or_check_of_the_rollouts_page_has_it(hands: Hands, gateway: type[Gateway]) -> None:
    """Fault 63."""
    window = hands.window
    hands.wait(
        lambda: window.bridge.state is not None and window.bridge.state.services["digits"].used.single is not None
    )
    hands.wait(lambda: len(window.bridge.state.services["digits"].versions) > 1)
    gateway.shut = "get-artifact"
    window.open_page("rollouts", "digits", version="3")
    page = window.page
    hands.wait(lambda: "Bad credentials: Bearer [secret]" in words_of(page))
    assert leaked(hands) == [], "what a check was refused with is told, and no more"
    gateway.shut = None
    acts(hands)["rollouts.again"]()
    hands.wait(lambda: page.checks.report is not None)
    told = copies(hands, "rollouts.copy", "rollouts.copy-json")
    assert [name for name, copy in told.items() if seen_in(copy)] == []
    assert leaked(hands) == []
    window.open_page("rollouts", "digits", rollback=True)
    hands.wait(lambda: page.plan.plan is not None)
    assert leaked(hands) == []
    assert any(CANARY in said for said in gateway.asked)


def test_no_copy_text_or_postmortem_of_the_incident_page_has_it(
    hands: Hands, gateway: type[Gateway], fleet: RunningFleet
) -> None:
    """Fault 63: declared while the registry refuses; templates, commands, log, Markdown, HTML, PDF."""
    window = hands.window
    hands.wait(
        lambda: window.bridge.state is not None and window.bridge.state.services["digits"].used.single is not None
    )
    hands.wait(lambda: bool(window.bridge.state.services["digits"].way_back.target))
    gateway.shut = ""
    hands.wait(lambda: bool(window.bridge.state.connections["registry"].why))
    window.open_page("incident", "digits")
    page = window.page
    hands.wait(lambda: page.brief is not None)
    acts(hands)["incident.declare"]()
    hands.wait(lambda: page.incident_id != "" and page.brief is not None and page.brief.incident.id != "")
    page.acts.write(EntryKind.NOTE, window.bridge.state.connections["registry"].why)
    hands.wait(lambda: any(entry.kind is EntryKind.NOTE for entry in page.brief.incident.entries))
    told = copies(hands, "incident.message", "incident.commands")
    for i in range(len(TextsSheet(window, page.brief).texts)):
        acts(hands)["incident.texts"]()
        (sheet,) = [one for one in window.findChildren(TextsSheet) if one.isVisible()]
        assert leaked(hands) == [], i
        QGuiApplication.clipboard().setText("nothing yet")
        sheet._copy(str(i))
        told[sheet.texts[i][0]] = copied()
        assert b"nothing yet" not in told[sheet.texts[i][0]]
    assert {"Handoff", "Commands by hand", "Status channel"} <= told.keys()
    assert b"$TOKEN" in told["incident.commands"], "where the secret goes is said, not what it is"
    assert [name for name, copy in told.items() if seen_in(copy)] == []
    assert leaked(hands) == []
    folder = fleet.workspace.parent / "postmortems"
    before = set(folder.glob("*/*"))
    answers: list[Any] = []
    window.bridge.ask(m.MakePostmortem(request=window.bridge.request_id(), incident=page.incident_id), answers.append)
    hands.wait(lambda: bool(answers))
    acts(hands)["incident.postmortem"]()
    hands.wait(lambda: any(path.suffix == ".pdf" for path in set(folder.glob("*/*")) - before))
    hands.wait(lambda: not list(folder.glob("*/printable.html")))
    written = {path.name: path.read_bytes() for path in set(folder.glob("*/*")) - before}
    assert {".md", ".html", ".pdf", ".svg"} <= {Path(name).suffix for name in written}
    assert [name for name, data in written.items() if seen_in(data + unpacked(data))] == []
    assert seen_in(answers[0].printable.encode()) == [], "what the PDF is printed from"


def unpacked(data: bytes) -> bytes:
    """What stands packed in a PDF; nothing of other files."""
    packed = re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL)
    return b"\n".join(zlib.decompressobj().decompress(one) for one in packed if one[:1] == b"x")


@pytest.mark.parametrize("forgotten", ["out_of", "out_of_data"])
def test_twin_what_the_gateway_says_would_be_found(
    fleet: RunningFleet, gateway: type[Gateway], monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    """The same check and the same plan of an engine whose client takes no care of what it is refused with, or handed."""
    monkeypatch.setattr(SentSecret, forgotten, lambda _self, said: said)
    host = InlineHost(fleet.workspace)

    def found() -> bool:
        """Once it has seen what is served, a check is refused with the echo, and a plan names who keeps the model."""
        check = m.CheckVersion(request=new_request(), service="digits", version="3", probe=False, actor="ann")
        plan = m.MakePlan(request=new_request(), kind=OperationKind.ROLLBACK, service="digits", express=True)
        try:
            said = host.ask(check if forgotten == "out_of" else plan)
        except ProblemError as error:
            said = m.Refused(request="", problem=error.problem)
        return bool(seen_in(m.encode(said)))

    try:
        gateway.shut = "get-artifact" if forgotten == "out_of" else None
        until("the secret is told", found)
    finally:
        host.close()
