"""Several operators on one target, each with an engine of his own, on one store: exactly one acts, the others are told who."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.lease import LEASE_S
from tests.crash.conftest import PostgresServer
from tests.crash.far_world import FarWorld, running_target

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

OPERATORS = {"ann": "3", "bob": "3", "cleo": "4", "dan": "5"}
ROUNDS = 5


def race(url: str, folder: Path, rounds: int) -> list[list[dict[str, Any]]]:
    """What each operator said, by round."""
    with running_target() as port:
        meeting = FarWorld(port)
        meeting.ask("reset", load_s=0.2)
        racers = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.crash.racer",
                    url,
                    str(folder),
                    str(port),
                    name,
                    version,
                    "4",
                    str(rounds),
                ],
                cwd=Path(__file__).parents[2],
                stdout=subprocess.PIPE,
                text=True,
            )
            for name, version in OPERATORS.items()
        ]
        said = [[json.loads(line) for line in answer.splitlines()] for answer in answers_of(racers)]
        meeting.close()
        assert [racer.returncode for racer in racers] == [0, 0, 0, 0]
    return [list(one) for one in zip(*said, strict=True)]


def answers_of(racers: list[subprocess.Popen[str]]) -> list[str]:
    """Once one has failed the others would wait for it at their next meeting, for ever."""

    def read(racer: subprocess.Popen[str]) -> str:
        answer, _ = racer.communicate(timeout=300)
        if racer.returncode:
            for other in racers:
                other.kill()
        return answer

    with ThreadPoolExecutor(len(racers)) as pool:
        return list(pool.map(read, racers))


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_exactly_one_acts_and_nobody_is_left_in_doubt(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = "sqlite:///panel.db"
    if store == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    rounds = race(url, tmp_path, ROUNDS)
    assert len(rounds) == ROUNDS
    told_at_the_door = 0
    for said in rounds:
        winners = [one for one in said if one["end"] == "done"]
        assert len(winners) == 1, said
        version = winners[0]["version"]
        facts = winners[0]["facts"]
        assert (facts["alias"], facts["stable"]) == (version, version)
        assert facts["effects"] == [f"load 2 {version}", f"route {version}", f"alias {version}"]
        for loser in (one for one in said if one["end"] != "done"):
            assert loser["code"] == "conflict", loser
            if loser["end"] == "told":
                told_at_the_door += 1
                assert f"{winners[0]['name']} started a deploy of v{version}" in loser["words"], loser
                assert float(loser["told_s"]) < LEASE_S, "told by outwaiting the lease"
            else:
                # The lease was free again: then the world was not what his plan assumed, and he did nothing.
                assert loser["end"] == "refused", loser
    assert told_at_the_door > 0
