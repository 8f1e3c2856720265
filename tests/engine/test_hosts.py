"""The contract of both hosts, and what only a process has to prove: life and death."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from pathlib import Path

import pytest

from mlcontrol.core.problem import ProblemError
from mlcontrol.core.recorded import RecordedChange
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind, EventKind
from mlcontrol.engine import hosts, messages as m
from mlcontrol.engine.hosts import attach, new_request
from mlcontrol.engine.lock import EngineLock
from mlcontrol.engine.place import engine_place
from tests.engine.shell import Shell, gone, until

OpenShell = Callable[[], Shell]


def note(text: str = "hello", detail: str = "") -> m.RecordChange:
    change = RecordedChange(EventKind.NOTE, text, detail=detail)
    return m.RecordChange(request=new_request(), change=change, actor="tester")


class TestContract:
    def test_hello_then_the_whole_state(self, open_shell: OpenShell) -> None:
        shell = open_shell()
        shell.wait_for(m.Snapshot)
        first, second = shell.events[:2]
        assert isinstance(first, m.Hello)
        assert isinstance(second, m.Snapshot)
        assert (first.protocol, second.state.settings.name) == (m.PROTOCOL, "small")

    def test_an_answer_carries_the_request_and_comes_after_what_it_caused(self, open_shell: OpenShell) -> None:
        shell, command = open_shell(), note("the router was restarted")
        answer = shell.host.ask(command)
        assert isinstance(answer, m.ChangeRecorded)
        assert answer.request == command.request
        grown = [i for i, e in enumerate(shell.events) if isinstance(e, m.TimelineGrew)]
        done = [i for i, e in enumerate(shell.events) if isinstance(e, m.ChangeRecorded)]
        assert grown[0] < done[0]

    def test_what_was_told_can_be_asked_for(self, open_shell: OpenShell) -> None:
        shell = open_shell()
        shell.host.ask(note("the router was restarted"))
        answer = shell.host.ask(m.QueryTimeline(request=new_request(), text="router"))
        assert isinstance(answer, m.TimelineAnswer)
        assert [event.title for event in answer.events] == ["the router was restarted"]

    def test_a_refusal_is_raised_with_its_problem(self, open_shell: OpenShell) -> None:
        with pytest.raises(ProblemError) as refused:
            open_shell().host.ask(note("  "))
        assert refused.value.problem.code == "usage"

    def test_no_answer_in_time_is_a_problem(self, open_shell: OpenShell) -> None:
        shell = open_shell()
        with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the call and says nothing
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            settings = ConnectionSettings("silent", ConnectionKind.REGISTRY, "mlflow", url)
            with pytest.raises(ProblemError) as late:
                shell.host.ask(m.TestConnection(request=new_request(), settings=settings), timeout_s=0.1)
        assert late.value.problem.code == "timeout"

    def test_nothing_is_taken_after_close(self, open_shell: OpenShell) -> None:
        shell = open_shell()
        shell.host.close()
        with pytest.raises(ProblemError) as closed:
            shell.host.send(note())
        assert closed.value.problem.code == "engine-lost"
        assert shell.losses == []


@pytest.mark.real
class TestProcess:
    def test_shells_share_one_engine(self, process_shell: OpenShell) -> None:
        one, two = process_shell(), process_shell()
        assert one.hello().pid == two.hello().pid != os.getpid()
        one.host.ask(note("from the first"))
        grew = two.wait_for(m.TimelineGrew)
        assert grew.events[0].title == "from the first"

    def test_the_engine_survives_its_shell(self, process_shell: OpenShell) -> None:
        first = process_shell()
        first.host.close()
        assert process_shell().hello().pid == first.hello().pid

    def test_kill_is_told_and_the_next_attach_starts_anew(self, process_shell: OpenShell) -> None:
        shell = process_shell()
        shell.host.ask(note("before the end"))
        shell.host.ask(m.QueryTimeline(request=new_request()))  # what is asked for has been stored
        os.kill(shell.hello().pid, signal.SIGKILL)
        until(lambda: shell.losses)
        assert shell.losses[0].code == "engine-lost"
        with pytest.raises(ProblemError):
            shell.host.ask(note())
        again = process_shell()
        assert again.hello().pid != shell.hello().pid
        assert [e.title for e in again.wait_for(m.Snapshot).state.events] == ["before the end"]

    def test_an_asker_is_told_at_once_when_the_engine_dies(self, process_shell: OpenShell) -> None:
        shell = process_shell()
        os.kill(shell.hello().pid, signal.SIGSTOP)
        command = note()
        shell.host.send(command)
        os.kill(shell.hello().pid, signal.SIGKILL)
        with pytest.raises(ProblemError) as lost:
            shell.host.ask(note(), timeout_s=20)
        assert lost.value.problem.code == "engine-lost"

    def test_a_second_engine_says_who_holds_the_workspace(self, process_shell: OpenShell, workspace: Path) -> None:
        pid = process_shell().hello().pid
        second = subprocess.run(
            [sys.executable, "-m", "mlcontrol.engine", "--workspace", str(workspace)],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert second.returncode == 3
        assert f"Process {pid} holds it" in second.stderr

    def test_shells_that_start_at_once_share_one_engine(self, process_shell: OpenShell) -> None:
        """Window and command line both start an engine after a crash: the one that comes second waits for the first."""
        with ThreadPoolExecutor(3) as together:
            shells = list(together.map(lambda _: process_shell(), range(3)))
        assert len({shell.hello().pid for shell in shells}) == 1

    def test_a_shell_that_loses_the_race_waits_for_the_winner(
        self, process_shell: OpenShell, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hosts, "RACE_S", 0.2)
        lock = EngineLock(engine_place(workspace))  # the winner, whose socket is not open yet
        spawned: list[int] = []
        spawn = hosts._spawn
        monkeypatch.setattr(hosts, "_spawn", lambda place: (spawned.append(1), spawn(place))[1])
        with ThreadPoolExecutor(1) as beside:
            loser = beside.submit(process_shell)
            until(lambda: len(spawned) > 1, 60)
            assert not loser.done()
            lock.release()
            assert loser.result(60).hello().pid != os.getpid()

    def test_a_stopped_engine_is_said_to_hang(
        self, process_shell: OpenShell, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pid = process_shell().hello().pid
        monkeypatch.setattr(hosts, "CHALLENGE_TIMEOUT_S", 0.3)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(ProblemError) as hangs:
                attach(workspace, None, None)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert hangs.value.problem.code == "timeout"
        assert str(pid) in hangs.value.problem.next

    def test_it_ends_when_asked(self, process_shell: OpenShell) -> None:
        shell = process_shell()
        assert isinstance(shell.host.ask(m.StopEngine(request=new_request())), m.Done)
        until(lambda: gone(shell.hello().pid))

    def test_it_ends_when_nobody_needs_it(self, workspace: Path) -> None:
        command = [sys.executable, "-m", "mlcontrol.engine", "--workspace", str(workspace)]
        engine = subprocess.Popen([*command, "--linger", "--linger-seconds", "0.5"])
        try:
            assert engine.wait(90) == 0
        finally:
            engine.kill()
            engine.wait()

    def test_no_engine_and_none_wanted(self, workspace: Path) -> None:
        with pytest.raises(ProblemError) as nobody:
            attach(workspace, None, None, start=False)
        assert nobody.value.problem.code == "no-engine"

    def test_a_workspace_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ProblemError) as missing:
            attach(tmp_path / "none.toml", None, None)
        assert missing.value.problem.code == "not-found"

    def test_strangers_are_turned_away_and_hold_nobody_up(self, process_shell: OpenShell, workspace: Path) -> None:
        shell, place = process_shell(), engine_place(workspace)
        assert stat.S_IMODE(place.key.stat().st_mode) == 0o600
        with pytest.raises(AuthenticationError):
            Client(place.address, family=place.family, authkey=b"guess")
        silent = Client(place.address, family=place.family)  # never answers the challenge
        assert isinstance(shell.host.ask(note()), m.ChangeRecorded)
        silent.close()

    def test_what_is_no_command_ends_the_line_not_the_engine(self, process_shell: OpenShell, workspace: Path) -> None:
        shell, place = process_shell(), engine_place(workspace)
        with Client(place.address, family=place.family, authkey=place.key.read_bytes()) as line:
            line.send_bytes(b"\x80\x04cos\nsystem\n")
            with pytest.raises(EOFError):
                _read_to_the_end(line)
        assert isinstance(shell.host.ask(note()), m.ChangeRecorded)

    def test_a_shell_that_does_not_read_holds_nobody_up(self, process_shell: OpenShell, workspace: Path) -> None:
        shell, place = process_shell(), engine_place(workspace)
        with Client(place.address, family=place.family, authkey=place.key.read_bytes()):
            for number in range(200):  # far more than a socket holds; each is answered although nobody reads there
                shell.host.ask(note(f"{number}", "x" * 3900))


def _read_to_the_end(line: Connection) -> None:
    while True:
        line.recv_bytes()


@pytest.mark.real
def test_an_engine_ends_whole_though_its_folder_was_swept(process_shell: Callable[[], Shell]) -> None:
    """A session that ends takes its runtime folder along; an engine left half alive would keep the workspace's lock."""
    pid = process_shell().hello().pid
    shutil.rmtree(os.environ["XDG_RUNTIME_DIR"])
    os.kill(pid, signal.SIGTERM)
    until(lambda: gone(pid))
