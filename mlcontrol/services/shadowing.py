"""A shadow: every input that callers send is asked of both versions directly as soon as it is logged, and their answers are
compared. No caller gets any of it.

What comes faster than may be asked is left out, counted and said. Where no input comes any more, the last hour's are asked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import isclose
from typing import Any

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.review import wilson
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.strategy import Strategy
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.predictions import LoggedPrediction
from mlcontrol.ports.serving import Serving
from mlcontrol.services.batching import batch_of_one
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import service_settings
from mlcontrol.services.shadow_inputs import LOOK_S, MAX_PER_S, LiveInputs
from mlcontrol.services.watching import LOG_LAG_S

PAST_S = 3600.0
QUIET_S = 30.0  # so long without an input, and those of the past must do
BREATH_S = 0.25
NUMBERS_AGREE = 0.01  # relative
SHOWN, TEXT_SHOWN = 3, 40
# So many inputs in a row that neither version answers: the server is away, and each more would take its deadline.
SILENT = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """``size``: relative, of numbers; 1 for answers that are no numbers."""

    request: str
    old: Any
    new: Any

    @property
    def size(self) -> float:
        old, new = _single(self.old), _single(self.new)
        if not _number(old) or not _number(new):
            return 1.0
        return float(abs(new - old) / max(abs(old), abs(new), 1e-9))

    def words(self) -> str:
        return f"{self.request}: {_text(self.old)} before, {_text(self.new)} now"


@dataclass(frozen=True, slots=True)
class Inputs:
    """``came``: logged; ``asked`` of them of both versions; ``compared``: answered by both."""

    came: int = 0
    asked: int = 0
    compared: int = 0


@dataclass(frozen=True, slots=True)
class Shadow:
    """``live``: inputs that came meanwhile; ``past``: those of the hour before, asked where no live ones came. ``differences``:
    answers that are not the same; ``only_new_failed``: requests that the new version refused and the old one answered. ``wanted``:
    inputs that the plan names."""

    live: Inputs = Inputs()
    past: Inputs = Inputs()
    differences: tuple[Difference, ...] = ()
    only_new_failed: tuple[str, ...] = ()
    wanted: int = 0

    @property
    def asked(self) -> int:
        return self.live.asked + self.past.asked

    @property
    def compared(self) -> int:
        return self.live.compared + self.past.compared

    def counted(self) -> str:
        """How much of what came was compared, and what became of the rest."""
        live, past = self.live, self.past
        parts = []
        if live.came or not past.came:
            parts.append(f"compared {live.compared:,} of {live.came:,} inputs that came{_share(live)}")
        if past.came:
            lead = f"no {'more ' if live.came else ''}input came for {QUIET_S:g} s: compared"
            parts.append(f"{lead} {past.compared:,} of {past.came:,} of the last hour's{_share(past)}")
        if left_out := live.came - live.asked:
            parts.append(f"{left_out:,} left out, at most {MAX_PER_S:g} a second are asked")
        if unanswered := self.asked - self.compared - len(self.only_new_failed):
            parts.append(f"{unanswered:,} without an answer of the old version")
        return "; ".join(parts)

    def evidence(self) -> str:
        low, high = wilson(len(self.differences), self.compared)
        words = f"{self.counted()}; {len(self.differences):,} answers differ ({low:.1%} to {high:.1%})"
        return f"{words}; most: {self._most()}" if self.differences else words

    def problem(self, version: str, tolerance: float) -> Problem | None:
        """Why the new version must not take over, if so. ``tolerance``: share of answers that may differ, 0..1."""
        if self.compared == 0 and not self.only_new_failed:
            nothing = f"None came within {QUIET_S:g} s, and none was logged in the hour before."
            return Problem(
                "No input could be compared.",
                "The old version answered none of them." if self.asked else nothing,
                "Wait until requests are logged, then plan again; or choose a canary.",
                "unknown",
            )
        if self.only_new_failed:
            failed = len(self.only_new_failed)
            what = f"v{version} fails on {failed} of {self.asked} real inputs that the old version answers."
            why = f"Request {', '.join(self.only_new_failed[:SHOWN])}."
            return Problem(what, why, "Look at these inputs.", "blocked")
        if 2 * self.compared < self.wanted:
            what = f"Only {self.compared} of the {self.wanted} inputs that the plan names could be compared."
            return Problem(what, self.evidence(), "Wait until more is logged, or plan with fewer.", "unknown")
        differ = len(self.differences)
        if differ / self.compared > tolerance:
            what = (
                f"v{version} answers differently than the old version on {differ:,} of {self.compared:,} real inputs."
            )
            why = f"{self.counted().capitalize()}. At most {tolerance:.1%} may differ. Most: {self._most()}."
            return Problem(what, why, "If that is what the new version is for, raise shadow_tolerance.", "blocked")
        return None

    def _most(self) -> str:
        largest = sorted(self.differences, key=lambda one: -one.size)[:SHOWN]
        return "; ".join(one.words() for one in largest)


def compare_answers(
    ctx: ServiceContext,
    service: str,
    new: str,
    old: str,
    strategy: Strategy,
    go_on: Callable[[], None],
    tell: Callable[[str], None],
) -> Shadow:
    """Ask both versions every input as it is logged, until the strategy's number of them was asked, or its time is up.

    ``go_on`` is called before each and may raise to leave; ``tell`` with each look, where it stands. Raises `ProblemError` when
    there is no log to take inputs from, and ("unknown") when neither version answers any more.
    """
    s = service_settings(ctx, service)
    if not s.predictions or not s.serving:
        raise ProblemError(
            Problem(
                "There is nothing to compare on.", "This service has no prediction log.", "Add one.", "not-configured"
            )
        )
    wanted, log = strategy.shadow_requests, ctx.predictions(s.predictions)
    comparing = _Comparing(ctx.serving(s.serving[0]), s, new, old, go_on)
    began_s, began = ctx.clock.utc_s(), ctx.clock.mono_s()
    inputs, heard = LiveInputs(log, service, began_s), began
    found = Shadow(wanted=wanted)

    def so_far() -> Shadow:
        live = Inputs(inputs.came, inputs.came - inputs.left_out, comparing.compared)
        return replace(
            found, live=live, differences=tuple(comparing.differences), only_new_failed=tuple(comparing.only_new_failed)
        )

    quiet = False
    while comparing.asked < wanted and not comparing.only_new_failed and not quiet:
        looked = ctx.clock.mono_s()
        if looked - began > strategy.max_s:
            break
        if comparing.ask(_taken(inputs, ctx.clock.utc_s() - LOG_LAG_S)):
            heard = ctx.clock.mono_s()
        quiet = ctx.clock.mono_s() - heard > QUIET_S + LOG_LAG_S
        tell(f"{so_far().evidence()}; until {wanted:,} were asked")
        _pause(ctx, looked + LOOK_S, go_on)
    found = so_far()
    if not quiet:
        return found
    past = log.sample(service, wanted - comparing.asked, 1, began_s - PAST_S, began_s)
    comparing.ask(past)
    of_past = Inputs(len(past), len(past), comparing.compared - found.live.compared)
    return replace(so_far(), live=found.live, past=of_past)


def _taken(inputs: LiveInputs, until_s: float) -> tuple[LoggedPrediction, ...]:
    """A log that does not answer now is asked for the same span at the next look; where it never does, the past's span says why."""
    try:
        return inputs.take(until_s)
    except AdapterError:
        return ()


def _pause(ctx: ServiceContext, until_mono_s: float, go_on: Callable[[], None]) -> None:
    while (left := until_mono_s - ctx.clock.mono_s()) > 0:
        go_on()
        time.sleep(min(left, BREATH_S))


class _Comparing:
    """Asks both versions, at a bounded rate, and keeps what came of it."""

    def __init__(self, serving: Serving, s: ServiceSettings, new: str, old: str, go_on: Callable[[], None]) -> None:
        self._serving, self._s, self._new, self._old, self._go_on = serving, s, new, old, go_on
        self._silent = 0
        self.asked = self.compared = 0
        self.differences: list[Difference] = []
        self.only_new_failed: list[str] = []

    def ask(self, logged: Iterable[LoggedPrediction]) -> int:
        """How many were asked."""
        before = self.asked
        for item in logged:
            self._go_on()
            started = time.monotonic()
            self._ask_one(item)
            time.sleep(max(0.0, 1.0 / MAX_PER_S - (time.monotonic() - started)))
        return self.asked - before

    def _ask_one(self, item: LoggedPrediction) -> None:
        self.asked += 1
        logged = json.loads(item.inputs)
        if not isinstance(logged, dict):
            return  # a log may leave them out
        inputs = batch_of_one(logged)
        before, now = (self._answer(inputs, version) for version in (self._old, self._new))
        self._silent = self._silent + 1 if before is None and now is None else 0
        if self._silent >= SILENT:
            what = f"Neither version answered {SILENT} inputs in a row."
            raise ProblemError(Problem(what, "The server is away or refuses them.", "Look at the server.", "unknown"))
        if before is None:
            return
        if now is None:
            self.only_new_failed.append(item.request_id)
            return
        self.compared += 1
        if not _same(before, now):
            self.differences.append(Difference(item.request_id, before, now))

    def _answer(self, inputs: dict[str, Any], version: str) -> Any:
        """`None` where there is none. Answers without the output that is the prediction are no answers: two versions that both
        leave it out do not agree."""
        try:
            outputs: dict[str, Any] = self._serving.infer(self._s.serving_model, inputs, version).outputs
        except AdapterError:
            return None
        return _single(outputs.get(self._s.prediction))


def _share(inputs: Inputs) -> str:
    return "" if inputs.compared == inputs.came else f" ({inputs.compared / inputs.came:.1%})"


def _same(one: Any, other: Any) -> bool:
    one, other = _single(one), _single(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if _number(one) and _number(other):
        return isclose(one, other, rel_tol=NUMBERS_AGREE, abs_tol=1e-9)
    return bool(one == other)


def _single(value: Any) -> Any:
    """Out of its batch and lists of one."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    """Short, and without anything that a server could hide in it."""
    value = _single(value)
    text = f"{value:.6g}" if isinstance(value, float) else json.dumps(value, default=str)
    return text if len(text) <= TEXT_SHOWN else text[: TEXT_SHOWN - 1] + "…"
