"""The lead's side of human review: start, watch, adjudicate, end and unblind campaigns; bring in and take out."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.review.campaign import RUBRICS, Campaign, Mode, SourceKind, Standing, declared, faults, verdict_of
from mlcontrol.core.review.export_rows import COLUMNS, cells, example, exported
from mlcontrol.core.review.feedback import Feedback, is_positive
from mlcontrol.core.review.findings import Findings, findings
from mlcontrol.core.review.judging import ItemKind, Judgement, ReviewItem, blind
from mlcontrol.core.review.rubric import RATE
from mlcontrol.core.review.sitting import CampaignSummary
from mlcontrol.ports.review_sources import Assessment
from mlcontrol.ports.review_store import Reviews
from mlcontrol.services.context import ServiceContext, Tell
from mlcontrol.services.reviews.bench import ReviewDesk, no_such_campaign
from mlcontrol.services.reviews.candidates import Outside, Picked, golden_items, items_of

TRY_AGAIN_S = 30.0
_SLUG = re.compile(r"[^a-z0-9]+")


class CampaignDesk:
    """*Thread:* any."""

    def __init__(self, ctx: ServiceContext, desk: ReviewDesk, outside: Outside | None = None) -> None:
        self._ctx = ctx
        self._desk = desk
        self._outside = outside or Outside()
        self._declaring = threading.Lock()
        self._next_try: dict[str, float] = {}
        self.not_started: dict[str, str] = {}  # campaigns of the workspace file, and why they wait

    @property
    def _reviews(self) -> Reviews:
        return self._ctx.store.reviews

    def start(self, campaign: Campaign, actor: str, tell: Tell) -> CampaignSummary:
        """Draw the items and open the campaign. Raises `ProblemError` saying everything that keeps it from starting."""
        settings = self._ctx.settings.services.get(campaign.service)
        if settings is None:
            raise ProblemError(
                Problem(f"There is no service {campaign.service!r} in this workspace.", code="not-found")
            )
        slug = _SLUG.sub("-", campaign.title.lower()).strip("-")[:40] or campaign.service
        rubric = RUBRICS[campaign.mode] if campaign.rubric == RATE else campaign.rubric
        campaign = replace(
            campaign,
            id=campaign.id or f"{slug}-{uuid.uuid4().hex[:6]}",
            rubric=rubric,
            created_s=self._ctx.clock.utc_s(),
            created_by=actor,
            standing=Standing.OPEN,
        )
        wrong = faults(campaign)
        if wrong:
            raise ProblemError(Problem("This campaign cannot be started.", " ".join(wrong), "Correct it.", "usage"))
        if self._reviews.campaigns.get(campaign.id) is not None:
            raise ProblemError(
                Problem(f"There is a campaign {campaign.id!r} already.", "", "Choose another id.", "conflict")
            )
        golden = self._ctx.golden(campaign.service) if campaign.gold_share or campaign.calibration else None
        if campaign.mode is Mode.GOLDEN:
            golden = self._ctx.golden(campaign.service)
            picked = Picked(golden_items(campaign, golden, ItemKind.WORK) if golden else (), {}, {}, "")
        else:
            picked = items_of(self._ctx, self._outside, campaign, settings, tell)
        items = picked.items
        if not items:
            raise ProblemError(
                Problem("There is nothing to review.", picked.notes, "Widen the span or the source.", "unknown")
            )
        tell(f"Queueing {len(items)} items", None)
        self._reviews.campaigns.put(replace(campaign, standing=Standing.PAUSED))
        self._reviews.campaigns.add_items(campaign, items)
        if golden is not None and campaign.mode is Mode.RATE:
            half = len(golden.items) // 2 if campaign.calibration and campaign.gold_share else 0
            first = replace(golden, items=golden.items[: half or None] if campaign.calibration else ())
            rest = replace(golden, items=golden.items[half:] if campaign.gold_share else ())
            self._reviews.campaigns.add_items(campaign, golden_items(campaign, first, ItemKind.CALIBRATION)[:50])
            self._reviews.campaigns.add_items(campaign, golden_items(campaign, rest, ItemKind.GOLD)[:500])
        if picked.sizes:
            self._reviews.campaigns.put_strata(campaign.id, picked.sizes)
        self._reviews.campaigns.put_traffic(campaign.id, picked.traffic)
        self._reviews.campaigns.put(campaign)
        self._desk.tell(
            f"campaign-{campaign.id}", f"Review started: {campaign.title}", campaign.service,
            f"{len(items)} items, {campaign.overlap} judgements each. {picked.notes}".strip(), actor,
        )  # fmt: skip
        return self._desk.summary(campaign, self._reviews)

    def take_in(self, path: Path, service: str, title: str, actor: str, campaign_id: str = "") -> CampaignSummary:
        """A file of predictions as a campaign of all its rows: what a program hands over for review."""
        if self._outside.files is None:
            raise ProblemError(Problem("This engine cannot read files.", code="not-configured"))
        campaign = Campaign(campaign_id, service, title or path.stem)
        campaign = replace(campaign, source=replace(campaign.source, kind=SourceKind.FILE, path=str(path)))
        count = self._outside.files.sample(path, 0, 0).total if path.is_file() else 1
        sampling = replace(campaign.sampling, n=max(1, min(1_000_000, count)), pool=max(1, count))
        return self.start(replace(campaign, sampling=sampling), actor, _silent)

    def start_declared(self) -> None:
        """Open the campaigns of the workspace file that are not open yet. What cannot be drawn yet (the log is empty, a version is
        not loaded) is tried again at the next look, not before half a minute."""
        now = self._ctx.clock.mono_s()
        with self._declaring:
            for name, settings in self._ctx.settings.campaigns.items():
                if self._next_try.get(name, 0.0) > now or self._reviews.campaigns.get(name) is not None:
                    continue
                self._next_try[name] = now + TRY_AGAIN_S
                try:
                    self.start(declared(settings), "workspace", _silent)
                except (ProblemError, ValueError) as error:
                    self.not_started[name] = str(error)
                else:
                    self.not_started.pop(name, None)

    def all(self, service: str = "", rater: str = "") -> tuple[CampaignSummary, ...]:
        if not self._ctx.view_only:
            self.start_declared()
        found = self._reviews.campaigns.all(service)
        if rater:
            found = tuple(c for c in found if c.standing is Standing.OPEN and (not c.raters or rater in c.raters))
        return tuple(self._desk.summary(campaign, self._reviews) for campaign in found)

    def stand(self, campaign_id: str, standing: Standing, actor: str) -> CampaignSummary:
        before = self._campaign(campaign_id)
        if before.standing is Standing.UNBLINDED and standing is not Standing.UNBLINDED:
            raise ProblemError(
                Problem(
                    "An unblinded campaign cannot be judged on.",
                    "Whoever looks knows the versions now.",
                    "Start another campaign.",
                    code="conflict",
                )
            )
        found = self._reviews.campaigns.stand(campaign_id, standing)
        assert found is not None
        if standing is not before.standing:
            result = self.findings(campaign_id)
            self._desk.tell(
                f"campaign-{campaign_id}-{uuid.uuid4().hex[:8]}", f"Review {standing.value}: {found.title}",
                found.service, result.why, actor,
            )  # fmt: skip
        return self._desk.summary(found, self._reviews)

    def summary(self, campaign_id: str) -> CampaignSummary:
        return self._desk.summary(self._campaign(campaign_id), self._reviews)

    def findings(self, campaign_id: str) -> Findings:
        campaign = self._campaign(campaign_id)
        said = self._reviews.said.of_campaign(campaign_id)
        campaigns = self._reviews.campaigns
        return findings(campaign, said, campaigns.strata(campaign_id), campaigns.traffic(campaign_id))

    def item(self, item: str) -> ReviewItem:
        found = self._reviews.campaigns.item(item)
        if found is None:
            raise ProblemError(Problem("There is no such item.", code="not-found"))
        return found if self._campaign(found.campaign).standing is Standing.UNBLINDED else blind(found)

    def adjudicate(self, item_id_: str, label: str, actor: str, correct: str, comment: str) -> Judgement:
        item = self._reviews.campaigns.item(item_id_)
        if item is None:
            raise ProblemError(Problem("There is no such item.", code="not-found"))
        campaign = self._campaign(item.campaign)
        try:
            verdict = verdict_of(campaign, label)
        except ValueError as error:
            raise ProblemError(Problem(str(error), code="usage")) from error
        return self._reviews.said.judge(
            Judgement(
                id=uuid.uuid4().hex, item=item.id, service=item.service, version=item.version, rater=actor,
                verdict=verdict, at_s=self._ctx.clock.utc_s(), correct=correct, comment=comment, campaign=campaign.id,
                label=label, version_b=item.version_b, stratum=item.stratum, probability=item.probability,
                slices=item.slices, adjudicated=True,
            )
        )  # fmt: skip

    def withdraw_item(self, item: str, reason: str, actor: str) -> None:
        found = self._reviews.campaigns.item(item)
        if found is None or not self._reviews.campaigns.withdraw_item(item, reason[:200] or "taken out by the lead"):
            raise ProblemError(Problem("There is no such item.", code="not-found"))
        self._desk.tell(f"withdrawn-{item}", "An item was taken out of review", found.service, reason, actor)

    # --- in and out ---

    def export(self, path: Path, campaign_id: str, service: str, *, everything: bool = False) -> int:
        """How many examples were written; the file is replaced in one step."""
        said = self._reviews.said.of_campaign(campaign_id) if campaign_id else self._reviews.judgements(service)
        rows = self._examples(exported(said, everything=everything))
        suffix = path.suffix.lower()
        if suffix not in (".jsonl", ".ndjson", ".csv", ".parquet"):
            raise ProblemError(
                Problem(f"{path.name} is no format to export to.", "", "Name a .jsonl, .csv or .parquet file.", "usage")
            )
        temporary = path.with_name(f".{path.name}.{os.getpid()}{suffix}")
        try:
            count = self._write(temporary, suffix, rows)
            temporary.replace(path)
        except OSError as error:
            raise ProblemError(
                Problem(f"{path} cannot be written.", error.strerror or str(error), "Choose another place.", "failed")
            ) from error
        finally:
            temporary.unlink(missing_ok=True)
        return count

    def _write(self, path: Path, suffix: str, rows: Iterator[dict[str, Any]]) -> int:
        count = 0
        if suffix == ".parquet":
            if self._outside.files is None:
                raise ProblemError(Problem("This engine cannot write Parquet.", code="not-configured"))
            return self._outside.files.write(path, COLUMNS, rows)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file) if suffix == ".csv" else None
            if writer is not None:
                writer.writerow(COLUMNS)
            for row in rows:
                if writer is not None:
                    writer.writerow(cells(row))
                else:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        return count

    def _examples(self, judgements: tuple[Judgement, ...]) -> Iterator[dict[str, Any]]:
        for one in judgements:
            item = self._reviews.campaigns.item(one.item)
            if item is not None:
                yield example(item, one, _utc)

    def take_feedback(self, service: str, path: Path) -> tuple[int, int]:
        """(new, not understood). Rows need ``request_id`` and ``value``; ``kind``, ``version``, ``time`` and ``id`` are taken where
        they are."""
        if self._outside.files is None:
            raise ProblemError(Problem("This engine cannot read files.", code="not-configured"))
        bad, good = 0, []
        for row in self._outside.files.rows(path):
            positive = is_positive(row.get("value", ""))
            request = str(row.get("request_id") or "")
            if positive is None or not request:
                bad += 1
                continue
            good.append(_feedback(row, service, request, positive))
        return self._reviews.feedback.add(good), bad

    def write_back(self, campaign_id: str) -> tuple[int, int]:
        """(written, there already) assessments on the campaign's traces."""
        campaign = self._campaign(campaign_id)
        settings = self._ctx.settings.services.get(campaign.service)
        if campaign.source.kind is not SourceKind.TRACES or self._outside.traces is None or settings is None:
            raise ProblemError(
                Problem("Only a campaign made from traces can be written back to them.", code="not-configured")
            )
        traces = self._outside.traces(campaign.source.connection or settings.registry)
        written = already = 0
        for one in exported(self._reviews.said.of_campaign(campaign_id)):
            item = self._reviews.campaigns.item(one.item)
            if item is None or not item.trace:
                continue
            made = Assessment(
                f"a-{one.id}", "mlcontrol_review", one.label, one.rater, one.comment,
                {"campaign": campaign.id, "correct": one.correct},
            )  # fmt: skip
            if traces.assess(item.trace, made):
                written += 1
            else:
                already += 1
        return written, already

    def _campaign(self, campaign_id: str) -> Campaign:
        found = self._reviews.campaigns.get(campaign_id)
        if found is None:
            raise no_such_campaign(campaign_id)
        return found


def _feedback(row: Mapping[str, Any], service: str, request: str, positive: bool) -> Feedback:
    kind = str(row.get("kind") or "feedback")
    name = row.get("id") or hashlib.sha256(f"{service}\0{request}\0{kind}".encode()).hexdigest()[:24]
    at = row.get("time", row.get("at", 0.0))
    try:
        at_s = float(at) if isinstance(at, int | float) else datetime.fromisoformat(str(at)).timestamp()
    except ValueError:
        at_s = 0.0
    return Feedback(str(name), service, request, str(row.get("version") or ""), kind, positive, at_s)


def _utc(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _silent(_text: str, _fraction: float | None) -> None:
    """Nobody waits for the progress."""
