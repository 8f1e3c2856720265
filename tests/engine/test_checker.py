"""Fault 43 with the lock in its hand: the check's process hangs inside C code, swells, crashes; the engine is told in time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from mlcontrol.core.compatibility.policy import Policy
from mlcontrol.core.compatibility.report import Verdict
from mlcontrol.core.signature import Field, Signature
from mlcontrol.engine.checker import CheckerProcess
from mlcontrol.services.judging import Asked, judge
from mlcontrol.services.patience import NoAnswer

HANGS_IN_C = (
    "__import__('re').match(r'(a+)+$', 'a' * 60 + 'b')"  # the regular expression engine never gives the lock away
)
STARTS_WITHIN_S = 60.0
CHILD = """
from mlcontrol.engine import checker_child
from mlcontrol.services import judging
real = judging.judge
judging.judge = lambda asked: {does} if asked.candidate.version == "bad" else real(asked)
checker_child.main()
"""

THREAD = """
from mlcontrol.services.patience import within
print('asked', flush=True)
try:
    within(0.2, lambda: {does}, 'x')
finally:
    print('back', flush=True)
"""

SCORE = (Field("score", "float64", (-1,)),)


def column(name: str) -> Field:
    return Field(name, "float64", (-1,), True, False, tensor=False)


def asked(version: str) -> Asked:
    new = Signature("digits", version, (column("x"), column("y")), SCORE)
    old = Signature("digits", "2", (column("x"),), SCORE)
    sent = ('{"x": [[1.0]]}', '{"x": [2.0]}')
    return Asked(new, old, "mlflow", Policy(), 1_800_000_000.0, window=(old,), payloads=sent)


@pytest.fixture
def checker() -> Iterator[CheckerProcess]:
    made = CheckerProcess()
    yield made
    made.close()


@pytest.fixture
def broken() -> Iterator[Callable[[str], CheckerProcess]]:
    """A checker whose child does this instead of judging a candidate called "bad"."""
    made: list[CheckerProcess] = []

    def make(does: str) -> CheckerProcess:
        made.append(CheckerProcess((sys.executable, "-c", CHILD.format(does=does))))
        made[-1](asked("3"), STARTS_WITHIN_S)  # it runs, and judges well
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_childs_report_is_the_very_one_that_would_be_made_here(checker: CheckerProcess) -> None:
    found = checker(asked("3"), STARTS_WITHIN_S)
    assert found == judge(asked("3"))
    assert next(one.verdict for one in found.findings if one.rule == "I1") is Verdict.BLOCK
    assert found.impacts[0].total == 2


@pytest.mark.parametrize(
    ("does", "words"),
    [
        ("__import__('os').abort()", "Its process ended"),
        ("bytearray(8 * 1024**3)", "more memory"),
        ("1 / 0", "ZeroDivisionError"),
        ("__import__('sys').exit(1)", "Its process ended"),
    ],
)
def test_one_that_breaks_is_no_answer_and_the_next_is_judged(
    broken: Callable[[str], CheckerProcess], does: str, words: str
) -> None:
    checker = broken(does)
    with pytest.raises(NoAnswer) as silence:
        checker(asked("bad"), STARTS_WITHIN_S)
    assert words in str(silence.value.problem)
    assert silence.value.problem.code == "unknown"
    assert checker(asked("3"), STARTS_WITHIN_S).deploy is Verdict.BLOCK


def test_one_that_hangs_with_the_lock_in_its_hand_is_ended_while_the_engine_lives(
    broken: Callable[[str], CheckerProcess],
) -> None:
    checker = broken(HANGS_IN_C)
    beats, stop = [0], threading.Event()

    def beat() -> None:
        while not stop.wait(0.01):
            beats[0] += 1

    heart = threading.Thread(target=beat)
    heart.start()
    with pytest.raises(NoAnswer) as silence:
        checker(asked("bad"), 0.5)
    stop.set()
    heart.join()
    assert "ended after 0.5 s" in str(silence.value.problem)
    assert beats[0] >= 3  # a lock that is held would have let none of these happen
    assert checker(asked("3"), STARTS_WITHIN_S).deploy is Verdict.BLOCK


def test_twin_a_thread_alone_never_comes_back_from_it() -> None:
    """What was there before: patience on a thread waits for a lock that is not given away. It has to be ended from outside."""
    code = THREAD.format(does=HANGS_IN_C)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"asked\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2.0)
    finally:
        process.kill()
        rest, _ = process.communicate()
    assert rest == b""


def test_closing_ends_a_question_that_hangs(broken: Callable[[str], CheckerProcess]) -> None:
    checker = broken(HANGS_IN_C)
    heard: list[str] = []

    def ask() -> None:
        try:
            checker(asked("bad"), STARTS_WITHIN_S)
        except NoAnswer as silence:
            heard.append(silence.problem.code)

    asking = threading.Thread(target=ask)
    asking.start()
    while not checker._lock.locked():
        time.sleep(0.01)
    checker.close()
    asking.join(STARTS_WITHIN_S)
    assert heard == ["unknown"]
    with pytest.raises(NoAnswer) as silence:
        checker(asked("3"), 1.0)
    assert "The engine ends" in str(silence.value.problem)


def test_the_child_gets_nothing_of_the_engines_environment_but_what_it_needs(
    broken: Callable[[str], CheckerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLCONTROL_TOKEN", "canary-secret")
    checker = broken("int(__import__('os').environ.get('MLCONTROL_TOKEN', 'absent'))")
    with pytest.raises(NoAnswer) as silence:
        checker(asked("bad"), STARTS_WITHIN_S)
    assert "absent" in str(silence.value.problem)
