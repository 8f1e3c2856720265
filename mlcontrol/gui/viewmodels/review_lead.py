"""What the lead reads of a campaign, in words; versions stay letters until it is unblinded."""

from __future__ import annotations

from mlcontrol.core.review.campaign import Campaign, Mode, Standing
from mlcontrol.core.review.findings import Findings
from mlcontrol.core.review.sitting import CampaignSummary
from mlcontrol.gui.viewmodels.phrases import count_text, duration_text, version_text

STATES = {
    Standing.OPEN: "running",
    Standing.PAUSED: "waiting",
    Standing.CLOSED: "ok",
    Standing.UNBLINDED: "ok",
}


def names_of(campaign: Campaign, findings: Findings, *, blind: bool) -> dict[str, str]:
    """Version to what it is called."""
    seen = sorted({q.version for q in findings.quality} | set(campaign.versions))
    if not blind:
        return {version: version_text(version) for version in seen}
    return {version: f"version {chr(ord('A') + i)}" for i, version in enumerate(seen)}


def progress_words(summary: CampaignSummary) -> str:
    share = f"{100 * summary.given / summary.wanted:.0f} %" if summary.wanted else "?"
    return f"{summary.given} of {count_text(summary.wanted, 'judgement')}, {share}"


def verdict_words(campaign: Campaign, findings: Findings, *, blind: bool) -> str:
    """The verdict; a comparison of versions stays unnamed while blind."""
    if not blind or campaign.mode is not Mode.PAIRWISE or findings.wins is None:
        return f"{findings.verdict.value.capitalize()}: {findings.why}"
    wins = findings.wins
    n = wins.wins + wins.losses
    decided = "decided" if wins.decided_at is not None else "not decided yet"
    return f"{n} comparisons, {wins.ties} ties: {decided}. Which version is preferred is told when it is unblinded."


def agreement_words(findings: Findings) -> str:
    if findings.alpha is not None:
        return f"Krippendorff's alpha {findings.alpha:.3f}"
    return "undefined: too few items with two judgements, or all of one label"


def pace_words(findings: Findings, campaign: Campaign) -> str:
    paces = sorted(row.pace_s for row in findings.raters if row.pace_s is not None)
    pace = f"{duration_text(paces[len(paces) // 2])} an item" if paces else "no pace yet"
    cost = f", {findings.cost:.2f} {campaign.currency}".rstrip() if findings.cost is not None else ""
    return f"{pace}, {findings.hours:.1f} h in all{cost}"
