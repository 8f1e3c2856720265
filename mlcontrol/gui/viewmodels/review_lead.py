"""What the lead reads of a campaign, in words; versions stay letters until it is unblinded."""

from __future__ import annotations

from mlcontrol.core.review.campaign import Campaign, Mode, Policy, Sampling, Share, Standing, Stop
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
        return f"{findings.verdict.value}: {findings.why}"
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


def campaign_from(
    service: str,
    title: str,
    mode: str,
    versions: str,
    n: str,
    policy: str,
    by: str,
    overlap: str,
    gold: str,
    repeats: str,
) -> tuple[Campaign | None, dict[str, str]]:
    """A campaign from what was typed, or `None` and what is wrong by field."""
    wrong: dict[str, str] = {}

    def number(name: str, text: str, low: float, high: float) -> float:
        try:
            value = float(text or 0)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            wrong[name] = f"A number from {low:g} to {high:g}."
        return value

    if not title.strip():
        wrong["title"] = "Give it a name."
    items = number("n", n, 1, 1_000_000)
    times = number("overlap", overlap, 1, 20)
    golds, again = number("gold", gold, 0, 0.5), number("repeats", repeats, 0, 0.5)
    two = tuple(word.strip().removeprefix("v") for word in versions.split(",") if word.strip())
    if mode == Mode.PAIRWISE.value and len(set(two)) != 2:
        wrong["versions"] = "Two versions, with a comma between them."
    slices = tuple(word.strip() for word in by.split(",") if word.strip())
    if policy == Policy.STRATIFIED.value and not slices:
        wrong["by"] = "The slices that make the strata."
    if wrong:
        return None, wrong
    mixture: tuple[Share, ...] = (Share(Policy(policy)),)
    if Policy(policy) not in (Policy.RANDOM, Policy.STRATIFIED):
        # Half at random, so that the whole can still be estimated well.
        mixture = (Share(Policy.RANDOM), Share(Policy(policy)))
    campaign = Campaign(
        id="",
        service=service,
        title=title.strip(),
        mode=Mode(mode),
        versions=two,
        sampling=Sampling(int(items), 1, mixture, slices),
        overlap=int(times),
        gold_share=golds,
        repeat_share=again,
        stop=Stop(),
    )
    return campaign, {}
