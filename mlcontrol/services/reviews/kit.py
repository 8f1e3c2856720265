"""Work without the team's store: items taken along, judgements kept here first and sent when it is reached again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import replace

from mlcontrol.core.problem import ProblemError
from mlcontrol.core.review.campaign import Standing
from mlcontrol.core.review.judging import Judgement, ReviewItem
from mlcontrol.ports.clock import Clock
from mlcontrol.ports.review_store import Reviews
from mlcontrol.services.reviews.picking import pick

AHEAD = 30
LOCAL_LEASE_S = 30 * 86400.0
TEAM_LEASE_S = 3600.0
SEND_EVERY_S = 1.0
TRY_AGAIN_S = 3.0


class ReviewKit:
    """``open_team`` opens the team's store or raises `ProblemError`; it is tried again until it works. *Thread:* any."""

    def __init__(self, local: Reviews, open_team: Callable[[], Reviews], clock: Clock) -> None:
        self.local = local
        self._open_team = open_team
        self._clock = clock
        self._team: Reviews | None = None
        self._lock = threading.Lock()  # one talk with the team's store at a time
        self._next_try_mono_s = 0.0
        self.offline = ""
        self._told: list[str] = []
        self._held: dict[str, tuple[str, ...]] = {}
        self._gone: dict[str, str] = {}
        self._ending = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="review-kit", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(20)

    # --- for the bench ---

    def next_item(self, campaign: str, rater: str, not_items: Collection[str]) -> ReviewItem | None:
        """From what was taken along; more is taken along when that is empty, and meanwhile in the background."""
        now_s = self._clock.utc_s()
        item = self.local.claims.claim(campaign, rater, now_s, LOCAL_LEASE_S, not_items)
        if item is None and self.take_along(campaign, rater):
            item = self.local.claims.claim(campaign, rater, now_s, LOCAL_LEASE_S, not_items)
        self._wanted(campaign, rater)
        return item

    def told(self) -> tuple[str, ...]:
        """What the bench has not been told yet, in words."""
        with self._lock:
            told, self._told = tuple(self._told), []
        return told

    def gone(self, items: Collection[str]) -> tuple[tuple[str, str], ...]:
        return tuple((item, self._gone[item]) for item in items if item in self._gone)

    def show(self, rater: str, items: Collection[str]) -> None:
        """What a bench shows now: its leases are kept at the team's store."""
        self._held[rater] = tuple(items)

    def wake(self) -> None:
        self._wake.set()

    # --- talking with the team ---

    def take_along(self, campaign: str, rater: str, n: int = AHEAD) -> bool:
        """Claim up to ``n`` items of the team's campaign for this rater; whether any were."""

        def talk(team: Reviews) -> bool:
            found = team.campaigns.get(campaign)
            if found is None or found.standing is not Standing.OPEN:
                return False
            self.local.campaigns.put(found)
            now_s, taken = self._clock.utc_s(), 0
            held: list[str] = []
            for _ in range(n):
                item = pick(team, found, rater, now_s, held, TEAM_LEASE_S)
                if item is None or item.id in held:
                    break
                held.append(item.id)
                if not self.local.said.of_item(item.id):
                    self.local.claims.hold(replace(item, draft=""), rater, now_s, LOCAL_LEASE_S, place=len(held))
                    taken += 1
            return taken > 0

        return bool(self._talk(talk))

    def pull_campaigns(self) -> None:
        """Copy the descriptions of the team's campaigns, so that they are listed without it."""

        def talk(team: Reviews) -> None:
            for campaign in team.campaigns.all():
                if self.local.campaigns.get(campaign.id) != campaign:
                    self.local.campaigns.put(campaign)

        self._talk(talk)

    def send(self) -> int:
        """Send what the team's store does not have; how much was sent. What is told twice there is one."""

        def talk(team: Reviews) -> int:
            unsent = self.local.said.unsent()
            for one in unsent:
                self._send_one(team, one)
            return len(unsent)

        sent = self._talk(talk)
        return sent if isinstance(sent, int) else 0

    def _send_one(self, team: Reviews, one: Judgement) -> None:
        if one.withdrawn:
            team.said.withdraw(one.id)
        else:
            try:
                stored = team.said.judge(replace(one, surplus=False))
            except ProblemError as refused:
                if refused.problem.code != "withdrawn":
                    raise
                self._told.append(f"An item you judged was taken out of its queue meanwhile: {refused.problem.why}")
            else:
                if stored.surplus:
                    self._told.append(
                        "Somebody else judged an item of yours meanwhile. "
                        "Yours is kept beside: it counts in agreement, not in the score."
                    )
        self.local.said.mark_sent([one])

    def _keep_leases(self) -> None:
        def talk(team: Reviews) -> None:
            for rater, items in list(self._held.items()):
                for item, why in team.claims.keep(rater, items, self._clock.utc_s(), TEAM_LEASE_S):
                    self._gone[item] = why

        if any(self._held.values()):
            self._talk(talk)

    def _talk(self, talk: Callable[[Reviews], object]) -> object:
        """`None` when the team's store is not reached; why is in ``offline``."""
        with self._lock:
            if self._team is None and self._clock.mono_s() < self._next_try_mono_s:
                return None
            try:
                if self._team is None:
                    self._team = self._open_team()
                result = talk(self._team)
            except ProblemError as error:
                self._team = None
                self._next_try_mono_s = self._clock.mono_s() + TRY_AGAIN_S
                self.offline = error.problem.what
                return None
            self.offline = ""
            return result

    def _wanted(self, campaign: str, rater: str) -> None:
        self._want = (campaign, rater)
        self._wake.set()

    _want: tuple[str, str] | None = None

    def _run(self) -> None:
        self.pull_campaigns()
        while not self._ending.is_set():
            self._wake.wait(SEND_EVERY_S)
            self._wake.clear()
            self.send()
            self._keep_leases()
            want, self._want = self._want, None
            if want is not None and not self._ending.is_set():
                self._top_up(*want)

    def _top_up(self, campaign: str, rater: str) -> None:
        self.take_along(campaign, rater)
