"""The evidence of a campaign as rows and words: preference, quality, what the model's own scores add, scales and tags."""

from __future__ import annotations

from collections.abc import Mapping

from mlcontrol.core.review.campaign import Campaign
from mlcontrol.core.review.findings import Findings
from mlcontrol.gui.viewmodels.phrases import count_text, metric_text

SCALE_HEAD = ("Scale", "Version", "Mean", "95 %", "Items", "Agreement (alpha)")
MOST_ROWS = 40


def preference_row(campaign: Campaign, findings: Findings) -> tuple[str, float | None, float, float, str] | None:
    """(label, share of wins, low, high, note) of the second version; `None` before anybody compared."""
    wins = findings.wins
    if wins is None or wins.value is None:
        return None
    first, second = campaign.versions
    return f"v{second} over v{first}", wins.value, wins.low, wins.high, f"n={wins.wins + wins.losses}"


def preference_words(campaign: Campaign, findings: Findings, *, blind: bool) -> str:
    """How the stopping rule works; while blind only how far it is, never which way."""
    wins = findings.wins
    if wins is None or wins.value is None:
        return "Nobody has preferred one version to the other yet."
    percent = 100 * campaign.stop.alpha
    rule = (
        f"May be looked at after every judgement: whenever it stops, a version is wrongly called better in at most "
        f"{percent:g} %."
    )
    n = wins.wins + wins.losses
    stop = f"Decided after {wins.decided_at} of {n}" if wins.decided_at is not None else f"Not decided after {n}"
    ties = f", {count_text(wins.ties, 'tie')} beside" if wins.ties else ""
    width = f"; the win rate is known to ± {50 * (wins.high - wins.low):.0f} %" if blind else ""
    return f"{stop} decisive comparisons{ties}{width}. {rule}"


def powered_rows(findings: Findings, names: Mapping[str, str]) -> list[tuple[str, float | None, float, float, str]]:
    """(version, value, low, high, note); a value that would not be sound is not there, and the note says so."""
    rows: list[tuple[str, float | None, float, float, str]] = []
    for one in findings.powered:
        found, name = one.found, names.get(one.version, "?")
        if found is None:
            rows.append((name, None, 0.0, 1.0, one.why))
        else:
            note = f"{found.width_ratio:.2f}x as wide"
            rows.append((name, found.value, max(0.0, found.low), min(1.0, found.high), note))
    return rows


def powered_words(findings: Findings) -> str:
    """When this may be believed."""
    sound = next((one.why for one in findings.powered if one.found is not None), "")
    left = sum(one.left_out for one in findings.powered)
    beside = f" {count_text(left, 'item')} judged unsure or split are in neither figure." if left else ""
    if not sound:
        return beside.strip()
    sizes = "; ".join(
        f"{one.found.n} judged and {one.found.unlabelled:,} unjudged"
        for one in findings.powered
        if one.found is not None
    )
    return f"{sizes}. x: width against the judgements alone. {sound}{beside}"


def scale_rows(findings: Findings, names: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    body = tuple(
        (
            one.scale,
            names.get(one.version, "?"),
            metric_text(one.mean),
            f"{metric_text(one.low)} to {metric_text(one.high)}"
            if one.low is not None and one.high is not None
            else "?",
            str(one.n),
            f"{one.alpha:.2f}" if one.alpha is not None else "undefined",
        )
        for one in findings.scales
    )
    return (SCALE_HEAD, *body)


def tag_words(findings: Findings) -> str:
    return "Tags: " + ", ".join(f"{tag} {n}" for tag, n in findings.tags) if findings.tags else ""
