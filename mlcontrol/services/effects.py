"""The effects of a rollout, one method each: write, then read back. Each may be repeated without harm.

Every method returns its evidence in words or raises a `ProblemError`. A write that timed out is settled by reading.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mlcontrol.core import rollout
from mlcontrol.core.coupling import Move
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.plan import Assumption
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.strategy import Strategy
from mlcontrol.core.types import ReplicaState
from mlcontrol.core.versions import version_order
from mlcontrol.ports.errors import TimedOut
from mlcontrol.ports.routing import Split
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.coupled import move_part, point_alias, replaced_by_hand, require_as_before, without_strangers
from mlcontrol.services.effect_words import changed_by_other, not_beside, split_words, version_list, version_word
from mlcontrol.services.golden_run import GoldenRun, run_golden
from mlcontrol.services.live import LiveState, observe, one_at_a_time, route_written, service_settings
from mlcontrol.services.proof import prove_answers
from mlcontrol.services.shadowing import compare_answers

LOAD_DEADLINE_S = 120.0
LOAD_SETTLE_S = 60.0


@dataclass
class Effects:
    """The effects of one operation. ``before``: the state to return to. *Thread:* the operation's own."""

    ctx: ServiceContext
    service: str
    kind: OperationKind
    to_version: str
    from_version: str | None
    before: LiveState
    assumes: Assumption | None  # `None`: do not compare (another operation of ours was just taken over)
    checked_digest: str | None = None  # of the target's files when it was planned, whatever else has changed since
    golden: GoldenRun | None = None
    strategy: Strategy = field(default_factory=Strategy)
    moves: tuple[Move, ...] = ()
    routed_s: float | None = None  # when the traffic moved, UTC seconds
    tell: Callable[[str], None] = lambda _words: None  # where a long step stands; not journaled

    def run(self, step: str, go_on: Callable[[], None] = lambda: None) -> str:
        """Carry out one step; the names are those of `core.rollout`. ``go_on`` is called often where a step takes long without
        changing anything, and may raise to leave it."""
        methods: dict[str, Callable[[], str]] = {
            rollout.ASSUME: self._assume,
            rollout.LOAD: self._load,
            rollout.GOLDEN: self._golden,
            rollout.ROUTE: lambda: self._route(self.to_version),
            rollout.VERIFY: lambda: self._verify(self.to_version),
            rollout.ALIAS: lambda: self._alias(self.to_version, expected=self.before.intended),
            rollout.UNLOAD: self._restore_load,
            rollout.LET_GO: self._let_go,
            rollout.SHADOW: lambda: self._shadow(go_on),
            rollout.RETURN_ROUTE: self._return_route,
            rollout.RETURN_VERIFY: lambda: self._verify(self._old_version()),
            rollout.RETURN_ALIAS: self._return_alias,
            rollout.RETURN_LOAD: self._restore_load,
        }
        if step.startswith(rollout.SPLIT):
            return self._split(rollout.share_of(step) or 0.0)
        for move in self.moves:
            if step in (rollout.PART + move.part.name, rollout.RETURN + rollout.PART + move.part.name):
                return move_part(self.ctx, move, back=step.startswith(rollout.RETURN))
            if step == rollout.BY_HAND + move.part.name:
                return replaced_by_hand(self.ctx, self.service, move, go_on, self.tell)
            if step == rollout.RETURN + rollout.BY_HAND + move.part.name:
                return require_as_before(self.ctx, self._settings, move)
        return methods[step]()

    def _let_go(self) -> str:
        gone: set[str] = set()
        for connection, ready, kept in without_strangers(
            self.ctx, self.service, self.moves, self.before, self.to_version
        ):
            self.ctx.expect_change(self.service, "load", LOAD_DEADLINE_S)
            self._serve(connection, kept)
            gone |= set(ready) - set(kept)
        left = version_list(tuple(sorted(gone, key=version_order)))
        return f"{left} unloaded: the server that comes may not know it" if gone else "nothing of that kind is loaded"

    def require_split(self, percent: float, bake: bool) -> None:
        """The router still sends what this stage asked for. Raises `ProblemError` (code "conflict") when another hand moved it."""
        s = self._settings
        found = self.ctx.routing(s.routing).split(s.route)
        wanted = Split(self.to_version, None, 0.0)
        if not bake:
            wanted = Split(self.before.current, self.to_version, percent)
        if found != wanted:
            raise ProblemError(
                Problem(
                    f"The traffic is not where this stage sent it: {split_words(found)}.",
                    f"It sent {split_words(wanted)}. Another hand moved it, or the router was restarted.",
                    "Look at the timeline for who did it.",
                    code="conflict",
                )
            )

    def _split(self, percent: float) -> str:
        s = self._settings
        earlier = self._require_own_route()
        self.ctx.expect_change(self.service, "route")
        self.ctx.routing(s.routing).set_canary(s.route, self.to_version, percent)
        self.routed_s = self.routed_s or self.ctx.clock.utc_s()
        self.require_split(percent, bake=False)
        now = Split(self.before.current, self.to_version, percent)
        self.ctx.wrote(self.service, "route", route_written(earlier), route_written(now))
        return f"the router reads back: {percent:g} % to v{self.to_version}"

    @property
    def _settings(self) -> ServiceSettings:
        return service_settings(self.ctx, self.service)

    def _old_version(self) -> str:
        old = self.before.current
        if old is None:
            raise ProblemError(
                Problem(
                    "It is not known which version answered before.", code="unknown", next="Choose a version by hand."
                )
            )
        return old

    def _assume(self) -> str:
        live = observe(self.ctx, self.service)
        if self.assumes is not None:
            now = live.assumption(self.assumes.target_digest)
            if now != self.assumes:
                raise ProblemError(changed_by_other(self.assumes, now))
        s = self._settings
        checked = self.checked_digest
        if s.registry and checked is not None:
            digest = self.ctx.registry(s.registry).digest(s.model, self.to_version)
            if digest != checked:
                raise ProblemError(
                    Problem(
                        f"The files of v{self.to_version} are not the ones that were checked.",
                        f"Their digest was {checked[:19]}…, now it is {digest[:19]}….",
                        "Find out who replaced them; register the change as a new version.",
                        code="conflict",
                    )
                )
        return f"as planned: intended {version_word(live.intended)}, serving {version_word(live.current)}"

    def _load(self) -> str:
        wanted = tuple(v for v in (self.from_version, self.to_version) if v is not None)
        live = observe(self.ctx, self.service)
        if live.loaded_everywhere(self.to_version):
            return f"v{self.to_version} is loaded and ready already"
        if alone := one_at_a_time(self.ctx, self._settings):
            if self.kind is OperationKind.PROBE:
                raise ProblemError(not_beside(alone, self.to_version))
            return f"{alone} holds one version at a time: v{self.to_version} is loaded when the traffic moves"
        self.ctx.expect_change(self.service, "load", LOAD_DEADLINE_S)
        started = time.monotonic()
        self._serve_all(wanted)
        seconds = time.monotonic() - started
        self.ctx.store.knowledge.record_seconds(self.service, "load", seconds)
        count = len(self._settings.serving)
        return f"ready on {count} of {count} endpoints after {seconds:.1f} s"

    def _serve_all(self, versions: tuple[str, ...]) -> None:
        """On every endpoint, or an error that says on which of them it is done and on which not."""
        endpoints = self._settings.serving
        done: list[str] = []
        for connection in endpoints:
            try:
                self._serve(connection, versions)
            except ProblemError as error:
                if not done:
                    raise
                left = [name for name in endpoints if name not in done]
                what = f"Partial: {len(done)} of {len(endpoints)} endpoints have {version_list(versions)} ({', '.join(done)})."
                why = f"Not on {', '.join(left)}: {error.problem.what} {error.problem.why}".strip()
                raise ProblemError(Problem(what, why, error.problem.next, "partial")) from error
            done.append(connection)

    def _serve(self, connection: str, versions: tuple[str, ...]) -> None:
        serving, model = self.ctx.serving(connection), self._settings.serving_model
        try:
            serving.serve_versions(model, versions, LOAD_DEADLINE_S)
        except TimedOut:
            # The server may still be loading: a timed-out write is unknown until it has been read back.
            if not self._becomes_ready(connection, versions):
                raise
            self._wrote_load(connection, versions)
            return
        if not self._becomes_ready(connection, versions):
            raise ProblemError(
                Problem(
                    f"{connection} accepted the load of {version_list(versions)}, but does not report it as ready.",
                    "The answer and the state of the server disagree.",
                    "Look at the server's log; nothing was routed to it.",
                    code="failed",
                )
            )
        self._wrote_load(connection, versions)

    def _wrote_load(self, connection: str, versions: tuple[str, ...]) -> None:
        before = self.before.ready.get(connection, ())
        now = tuple(sorted(versions, key=version_order))
        self.ctx.wrote(self.service, f"load {connection}", before, now)

    def _becomes_ready(self, connection: str, versions: tuple[str, ...]) -> bool:
        return self._becomes(connection, lambda ready: set(versions) <= ready)

    def _becomes(self, connection: str, wanted: Callable[[set[str]], bool]) -> bool:
        """Whether the versions that are ready there come to be as ``wanted``, in time."""
        deadline = time.monotonic() + LOAD_SETTLE_S
        while True:
            if wanted(set(observe(self.ctx, self.service).ready.get(connection, ()))):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.25)

    def _golden(self) -> str:
        alone = one_at_a_time(self.ctx, self._settings)
        if alone and not observe(self.ctx, self.service).loaded_everywhere(self.to_version):
            return f"not asked beforehand: {alone} holds one version at a time; the proof comes with the traffic"
        self.golden = run_golden(self.ctx, self.service, self.to_version, self.before.current)
        problem = self.golden.problem(self.to_version)
        if problem is not None and self.kind is not OperationKind.ROLLBACK:
            raise ProblemError(problem)  # quality never blocks a rollback; it is said in the evidence
        return self.golden.evidence()

    def _route(self, version: str) -> str:
        s = self._settings
        if not s.routing:
            for connection in s.serving:
                self._serve(connection, (version,))
            self.routed_s = self.ctx.clock.utc_s()
            return f"only v{version} is served, on {len(s.serving)} endpoints"
        routing = self.ctx.routing(s.routing)
        split = routing.split(s.route)
        if split.stable == version and split.canary_percent == 0.0:
            # An engine before this one got so far and died: what is done already is read, not done again.
            self.routed_s = self.ctx.clock.utc_s()
            return f"the router sends 100 % to v{version} already"
        earlier = split
        self.ctx.expect_change(self.service, "route")
        routing.set_stable(s.route, version)
        routing.set_canary(s.route, None, 0.0)
        self.routed_s = self.ctx.clock.utc_s()
        split = routing.split(s.route)
        if split.stable != version or split.canary_percent != 0.0:
            raise ProblemError(
                Problem(
                    f"The router was told to send all traffic to v{version}, but says it sends {split_words(split)}.",
                    "Another hand moved it at the same moment, or the router did not take the change.",
                    "Find out who else changes this route, then try again.",
                    code="conflict",
                )
            )
        self.ctx.wrote(self.service, "route", route_written(earlier), route_written(split))
        return f"the router reads back: 100 % to v{version}"

    def _shadow(self, go_on: Callable[[], None]) -> str:
        if self.from_version is None:
            raise ProblemError(Problem("There is no version to compare with.", code="unknown"))
        found = compare_answers(
            self.ctx, self.service, self.to_version, self.from_version, self.strategy, go_on, self.tell
        )
        problem = found.problem(self.to_version, self.strategy.shadow_tolerance)
        if problem is not None:
            raise ProblemError(problem)
        return found.evidence()

    def _require_own_route(self) -> Split:
        """The traffic goes where it went before, or where this operation sent it; else somebody else has it in hand."""
        s = self._settings
        now = self.ctx.routing(s.routing).split(s.route)
        if now.stable not in (self.before.split.stable, self.to_version):
            raise ProblemError(
                Problem(
                    f"Somebody sent the traffic to {version_word(now.stable)} meanwhile.",
                    f"This operation moved it from {version_word(self.before.split.stable)} to v{self.to_version};"
                    f" it is left where it is; no share goes to v{self.to_version} on this operation's account any more.",
                    "Look at the timeline for who did it, and agree on who changes this route.",
                    code="conflict",
                )
            )
        return now

    def _take_own_share_back(self) -> Split | None:
        """Whoever moved the rest: the share that this operation sent to its version is its own to take back. How the router split
        before that; `None` where it had no such share any more."""
        s = self._settings
        routing = self.ctx.routing(s.routing)
        now = routing.split(s.route)
        if now.canary != self.to_version or now.canary_percent == 0 or now.stable == self.to_version:
            return None
        self.ctx.expect_change(self.service, "route")
        routing.set_canary(s.route, None, 0.0)
        self._require_reads_back(replace(now, canary=None, canary_percent=0.0))
        return now

    def _require_reads_back(self, wanted: Split) -> None:
        found = self.ctx.routing(self._settings.routing).split(self._settings.route)
        if route_written(found) != route_written(wanted):
            raise ProblemError(
                Problem(
                    f"The router was told to send {split_words(wanted)}, but says it sends {split_words(found)}.",
                    "Another hand moved it at the same moment, or the router did not take the change.",
                    "Find out who else changes this route, then send it where it should go.",
                    code="conflict",
                )
            )

    def _return_route(self) -> str:
        """As it was, with the share that another version had before; what is so already is not written again."""
        before = self.before.split
        if not self._settings.routing:
            for connection, versions in self.before.ready.items():
                self._put_back(connection, versions)
            return "the versions served before are served again"
        taken = self._take_own_share_back()
        if route_written(self._require_own_route()) == route_written(before):
            if taken is None:
                return f"the router sends {split_words(before)} already"
            self.ctx.wrote(self.service, "route", route_written(taken), route_written(before))
            return f"the router reads back: {split_words(before)}"
        evidence = self._route(self._old_version())
        if before.canary is None or before.canary_percent == 0:
            return evidence
        self.ctx.expect_change(self.service, "route")
        self.ctx.routing(self._settings.routing).set_canary(self._settings.route, before.canary, before.canary_percent)
        self._require_reads_back(before)
        return f"the router reads back: {split_words(before)}"

    def _verify(self, version: str) -> str:
        return prove_answers(self.ctx, self.service, version)

    def _alias(self, version: str, expected: str | None) -> str:
        s = self._settings
        if not s.registry:
            return "no registry is configured for this service"
        self.ctx.expect_change(self.service, "alias")
        words, wrote = point_alias(self.ctx.registry(s.registry), s.model, s.alias, version, expected)
        if wrote:
            self.ctx.wrote(self.service, "alias", expected, version)
        return words

    def _return_alias(self) -> str:
        s = self._settings
        if not s.registry or self.before.intended is None:
            return "the registry named no version before"
        now = self.ctx.registry(s.registry).resolve_alias(s.model, s.alias)
        if now not in (self.to_version, self.before.intended):
            return f"left alone: somebody moved {s.alias} to {version_word(now)}"
        return self._alias(self.before.intended, expected=now)

    def _restore_load(self) -> str:
        self._wait_for_loads()
        live = observe(self.ctx, self.service)
        self.ctx.expect_change(self.service, "load", LOAD_DEADLINE_S)
        restored = 0
        for connection, versions in self.before.ready.items():
            if versions and set(live.ready.get(connection, ())) != set(versions):
                self._put_back(connection, versions)
                restored += 1
        return "nothing to put back" if restored == 0 else f"{version_list(self.before.served)} loaded as before"

    def _put_back(self, connection: str, versions: tuple[str, ...]) -> None:
        """Serve what was served before, and see that what this operation loaded is gone."""
        self._serve(connection, versions)
        if self.to_version not in versions and not self._becomes(
            connection, lambda ready: self.to_version not in ready
        ):
            raise ProblemError(
                Problem(
                    f"{connection} was told to serve {version_list(versions)} as before, but still serves v{self.to_version}.",
                    "Another hand loaded it again, or the server did not let go of it.",
                    f"Unload v{self.to_version} by hand.",
                    code="failed",
                )
            )

    def _wait_for_loads(self) -> None:
        """A load that nobody waits for any more still completes and goes live: wait for it, then it can be taken back."""
        deadline = time.monotonic() + LOAD_SETTLE_S
        s = self._settings
        while time.monotonic() < deadline:
            replicas = [r for c in s.serving for r in self.ctx.serving(c).replicas(s.serving_model)]
            if not any(r.state is ReplicaState.LOADING for r in replicas):
                return
            time.sleep(0.25)
