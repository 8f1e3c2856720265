"""From what was typed into the form of a campaign to the campaign, or to what is wrong with it, by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from mlcontrol.core.review.campaign import RUBRICS, Campaign, Mode, Policy, Sampling, Share, Source, SourceKind, Stop
from mlcontrol.core.review.rubric import Rubric
from mlcontrol.core.review.rubric_words import due_of, label_of, rubric_of, scale_of

T = TypeVar("T")


class Typed:
    """Reads one field after the other; what cannot be read is kept by its field's name."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.wrong: dict[str, str] = {}

    def text(self, name: str) -> str:
        return self._values.get(name, "").strip()

    def words(self, name: str, mark: str = ",") -> tuple[str, ...]:
        return tuple(word.strip() for word in self.text(name).split(mark) if word.strip())

    def number(self, name: str, low: float, high: float) -> float:
        try:
            value = float(self.text(name) or 0)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            self.wrong[name] = f"A number from {low:g} to {high:g}."
        return value

    def read(self, name: str, how: Callable[[str], T], mark: str = "") -> tuple[T, ...]:
        """Each word of a field by ``how``; the first that cannot be read is the field's error."""
        found = []
        for word in self.words(name, mark) if mark else self.words(name):
            try:
                found.append(how(word))
            except ValueError as error:
                self.wrong.setdefault(name, str(error))
        return tuple(found)


def campaign_from(values: Mapping[str, str]) -> tuple[Campaign | None, dict[str, str]]:
    """A campaign, or `None` and what is wrong by field. ``labels`` and ``scales`` are parted by semicolons, the rest by commas."""
    typed = Typed(values)
    if not typed.text("title"):
        typed.wrong["title"] = "Give it a name."
    mode, policy = Mode(values["mode"]), Policy(values["policy"])
    items = typed.number("n", 1, 1_000_000)
    overlap, calibration = typed.number("overlap", 1, 20), typed.number("calibration", 0, 50)
    gold, repeats = typed.number("gold", 0, 0.5), typed.number("repeats", 0, 0.5)
    precision = typed.number("precision", 0, 50)
    cost = typed.number("cost", 0, 10_000)
    versions = tuple(word.removeprefix("v") for word in typed.words("versions"))
    if mode is Mode.PAIRWISE and len(set(versions)) != 2:
        typed.wrong["versions"] = "Two versions, with a comma between them."
    slices = typed.words("by")
    if policy is Policy.STRATIFIED and not slices:
        typed.wrong["by"] = "The slices that make the strata."
    due, around = typed.read("due", due_of), typed.read("around", due_of)
    if policy is Policy.INCIDENT and not around:
        typed.wrong.setdefault("around", "The time of the incident.")
    hours, seed = typed.number("hours", 0, 8760), typed.number("seed", 0, 2**31 - 1)
    source, place = SourceKind(values.get("source", "log")), typed.text("place")
    if source is not SourceKind.LOG and not place:
        typed.wrong["place"] = "The path of the file." if source is SourceKind.FILE else "The id of the experiment."
    typed.read("labels", label_of, ";")
    typed.read("scales", scale_of, ";")
    if typed.wrong:
        return None, typed.wrong
    mixture: tuple[Share, ...] = (Share(policy),)
    if policy not in (Policy.RANDOM, Policy.STRATIFIED):
        # Half at random, so that the whole can still be estimated well.
        mixture = (Share(Policy.RANDOM), Share(policy, 1.0, around[0] if around else None))
    campaign = Campaign(
        id="",
        service=values["service"],
        title=typed.text("title"),
        mode=mode,
        rubric=_rubric(typed, mode),
        source=Source(
            source,
            path=place if source is SourceKind.FILE else "",
            experiment=place if source is SourceKind.TRACES else "",
            hours=hours or 24.0,
        ),
        versions=versions,
        sampling=Sampling(int(items), int(seed), mixture, slices),
        overlap=int(overlap),
        gold_share=gold,
        repeat_share=repeats,
        calibration=int(calibration),
        raters=typed.words("raters"),
        due_s=due[0] if due else None,
        stop=Stop(half_width=precision / 100 or None),
        cost_per_hour=cost,
    )
    return campaign, {}


def _rubric(typed: Typed, mode: Mode) -> Rubric:
    return rubric_of(
        RUBRICS[mode],
        question=typed.text("question"),
        guidance=typed.text("guidance"),
        labels=typed.words("labels", ";"),
        scales=typed.words("scales", ";"),
        tags=typed.words("tags"),
    )
