"""One of several operators' engines that press Deploy on the same target at the same moment; started by `test_races.py`.

`python -m tests.crash.racer URL FOLDER PORT NAME VERSION PARTIES ROUNDS`: one JSON line a round says what became of it.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from pathlib import Path

from mlcontrol.core.operation import OperationKind
from mlcontrol.core.problem import ProblemError
from mlcontrol.services.rollouts import Rollouts
from tests.crash.far_world import FarWorld
from tests.services.rollout_world import Context, PassingChecks

ENDS_WITHIN_S = 60.0


def main() -> None:
    url, folder, port, name, version, parties, rounds = sys.argv[1:]
    world = FarWorld(int(port))
    ctx = Context(world, Path(folder), url=url)
    rollouts = Rollouts(ctx, PassingChecks())
    meeting = FarWorld(int(port))
    for number in range(int(rounds)):
        meeting.ask("barrier", name=f"{number} clean", parties=int(parties))
        plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", version, False)
        meeting.ask("barrier", name=f"{number} go", parties=int(parties))
        said = _race(ctx, rollouts, plan.hash, name)
        meeting.ask("barrier", name=f"{number} over", parties=int(parties))
        print(json.dumps({"name": name, "version": version, "facts": meeting.ask("facts"), **said}), flush=True)
        meeting.ask("barrier", name=f"{number} told", parties=int(parties))
        if name == "ann":
            meeting.ask("reset", load_s=0.2)
    rollouts.close()
    ctx.store.close()
    world.close()
    meeting.close()


def _race(ctx: Context, rollouts: Rollouts, plan_hash: str, name: str) -> dict[str, str]:
    operation = uuid.uuid4().hex
    ctx.ended.clear()
    started = time.monotonic()
    try:
        rollouts.execute(operation, plan_hash, "a race", name, False)
    except ProblemError as refused:
        told_s = time.monotonic() - started
        return {"end": "told", "code": refused.problem.code, "words": str(refused.problem), "told_s": f"{told_s:.2f}"}
    assert ctx.ended.wait(ENDS_WITHIN_S)
    done = ctx.operations[operation]
    return {
        "end": done.phase.value,
        "code": done.problem.code if done.problem else "",
        "words": str(done.problem or ""),
    }


if __name__ == "__main__":
    main()
