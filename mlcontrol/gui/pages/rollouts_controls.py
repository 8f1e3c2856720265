"""The bar under every step of a rollout, and the keys: which controls are there and why one cannot act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from mlcontrol.core.operation import Operation, OperationKind
from mlcontrol.core.plan import Plan
from mlcontrol.core.strategy import StrategyKind
from mlcontrol.core.types import ServiceState
from mlcontrol.gui.actions import Action, Rule, always
from mlcontrol.gui.viewmodels.phrases import version_text
from mlcontrol.gui.viewmodels.plan_sheet import REASONS, strategy_name
from mlcontrol.gui.viewmodels.rollout_board import kind_words
from mlcontrol.gui.viewmodels.rollout_choice import VersionChoice
from mlcontrol.gui.widgets.action_bar import ActionBar
from mlcontrol.gui.widgets.button import DANGER, PRIMARY, KeyButton
from mlcontrol.gui.widgets.confirm_strip import CANCEL_S, ConfirmStrip

OVERVIEW, WHAT, CHECKS, PLAN, BOARD = range(5)

_STAGE_WORDS = ("the overview", "choosing a version", "the checks", "the plan", "the live board")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the page stands. A ``…_refusal`` says why a control cannot act; empty: it can."""

    stage: int
    subject: str
    sentence: str
    tone: str
    go: str
    go_refusal: str
    way_back: str | None
    way_back_refusal: str
    report_refusal: str
    engine_refusal: str
    probe_refusal: str
    confirm: str
    confirm_refusal: str
    guarded: bool
    abort_to: str | None
    abort_stays: bool
    abort_refusal: str
    live: bool
    hold: str = ""  # the label of holding; empty: no stage is judged
    promote: str = ""
    promote_refusal: str = ""
    override: str = ""  # the label of going on against a rule; empty: this person may not, or no rule stops it
    clear: str = ""  # the label of taking a latched fail away; empty: none is latched


class RolloutsControls(ActionBar):
    """The way back stands at the right end on every step."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self.back = KeyButton("Back", "Esc")
        self.copy = KeyButton("Copy", "C")
        self.copy_json = KeyButton("Copy JSON", "J")
        self.again = KeyButton("Check again", "A")
        self.probe = KeyButton("Probe on the server", "P")
        self.go = KeyButton("Check", "Enter", PRIMARY)
        self.way_back = KeyButton("Roll back", "R", DANGER)
        self.hold, self.promote = KeyButton("Hold", "H"), KeyButton("Go on", "S")
        self.override, self.clear = KeyButton("Override", "V"), KeyButton("Clear", "K")
        checks = (self.copy, self.copy_json, self.again, self.probe)
        buttons = (self.back, *checks, self.go, self.hold, self.promote, self.clear, self.override)
        super().__init__(buttons, parent, height=56)
        self.confirm, self.abort = ConfirmStrip(), ConfirmStrip()
        row = self.layout()
        if row is not None:
            for last in (self.confirm, self.way_back, self.abort):
                row.addWidget(last)

    def show_standing(self, at: Standing) -> None:
        self.back.setVisible(at.stage != OVERVIEW)
        for button in (self.copy, self.copy_json, self.again, self.probe):
            button.setVisible(at.stage == CHECKS)
        self.go.setVisible(at.stage in (OVERVIEW, WHAT, CHECKS))
        self.confirm.setVisible(at.stage == PLAN)
        self.abort.setVisible(at.live)
        self.way_back.setVisible(at.stage != PLAN and not at.live)
        for button, label, there in (
            (self.hold, at.hold, at.live),
            (self.promote, at.promote, at.live),
            (self.clear, at.clear, at.live),
            (self.override, at.override, at.stage == PLAN),
        ):
            button.setVisible(there and bool(label))
            if label:
                button.set_label(label)
        self.hold.set_reason(at.engine_refusal)
        self.promote.set_reason(at.promote_refusal)
        self.clear.set_reason(at.engine_refusal)
        self.way_back.set_label(f"Roll back to {version_text(at.way_back)}" if at.way_back else "Roll back")
        self.way_back.set_reason(at.way_back_refusal)
        self.copy.set_reason(at.report_refusal)
        self.copy_json.set_reason(at.report_refusal)
        self.again.set_reason(at.engine_refusal)
        self.probe.set_reason(at.probe_refusal)
        self.go.set_label(at.go)
        self.go.set_reason(at.go_refusal)
        self.confirm.offer(
            at.confirm, hold=at.guarded, cancel_s=CANCEL_S if at.guarded else 0.0, refusal=at.confirm_refusal
        )
        verb = f"Abort, {'stay on' if at.abort_stays else 'back to'} {version_text(at.abort_to)}"
        self.abort.offer(verb, hold=True, danger=True, refusal=at.abort_refusal, key="X")
        self.say(at.subject, at.sentence, at.tone)


def sentence_of(
    stage: int,
    service: ServiceState | None,
    choice: VersionChoice | None,
    plan: Plan | None,
    breaks_glass: bool,
    operation: Operation | None,
) -> tuple[str, str]:
    """What the bar says at this step, and its tone."""
    if stage == OVERVIEW and service is not None:
        return service.way_back.why, "secondary"
    if stage == WHAT and choice is not None and choice.quarantine:
        return f"quarantined: {choice.quarantine}", "warning"
    if stage == PLAN and breaks_glass:
        return "breaks the glass: against a freeze, or without the approval it needs; loud, and recorded", "warning"
    if stage == PLAN and plan is not None:
        return f"{len(plan.steps)} steps, journaled before each effect", "secondary"
    if operation is not None and not operation.phase.ended:
        return "goes on without this window", "secondary"
    return "", "secondary"


def subtitle_of(stage: int, title: str, operation: Operation | None, used: str | None, version: str | None) -> str:
    """Beside the page's name: whose rollout this is and how far. ``title``: of the service."""
    if stage == OVERVIEW:
        return ""
    if stage == BOARD:
        return f"{title} · {kind_words(operation)}" if operation is not None else ""
    words = f"{title} · step {stage} of 3: {('', 'what', 'checks', 'plan')[stage]}"
    return f"{words} · {version_text(used)} to {version_text(version)}" if stage > WHAT else words


def rollout_actions(stage: Callable[[], int], refusals: Mapping[str, Rule]) -> dict[str, Action]:
    """The page's actions by name. ``stage`` tells where the page stands; ``refusals``: the rules of some of them."""

    def on(wanted: int) -> Rule:
        return lambda _context: "" if stage() == wanted else f"only on {_STAGE_WORDS[wanted]}"

    rows: list[tuple[str, str, str, str, Rule]] = [
        ("roll-back", "Roll back", "R", "Plan the way back", refusals["roll-back"]),
        ("new", "Choose a version to deploy", "N", "Step 1 of 3", refusals["new"]),
        (
            "probe",
            "Probe on the real server",
            "P",
            "Load it beside the current version, ask the golden set",
            on(CHECKS),
        ),
        ("copy", "Copy the checks as Markdown", "C", "For a ticket or a chat", on(CHECKS)),
        ("copy-json", "Copy the checks as JSON", "J", "What mlcontrol check --format json prints", on(CHECKS)),
        ("again", "Check again", "A", "Ask every rule again", on(CHECKS)),
        ("fold", "Show or fold the passed rules", "F", "What found nothing against it", on(CHECKS)),
        ("back", "Back", "Esc", "One step back; nothing that runs is stopped", always),
        ("override", "Override the rule that stops it", "V", "Where the policy names you; recorded", on(PLAN)),
        ("hold", "Hold this share, or let it go on", "H", "The judge goes on looking", on(BOARD)),
        ("promote", "Go on to the next share", "S", "Without a judgement only with a reason", on(BOARD)),
        ("clear", "Clear a guard's fail", "K", "With a reason; it stays on record", on(BOARD)),
        ("approve", "Approve this plan", "Y", "For somebody else to run; with the reason written below it", on(PLAN)),
        (
            "break-glass",
            "Break the glass",
            "B",
            "Start this plan against a freeze or without its approval; loud and recorded",
            on(PLAN),
        ),
        (
            "backtest",
            "Gate backtest",
            "T",
            "A plan's guards over a change of the past: what, when, how often in vain",
            always,
        ),
        ("freezes", "Freezes", "W", "See, add, lift: spans in which nothing is deployed", always),
        ("drills", "Drills", "M", "How the way back was walked so far; again: drill it on a shadow", always),
        ("lift-freeze", "Lift the chosen freeze", "Del", "With the reason that is written", on(OVERVIEW)),
        ("lift", "Lift the quarantine", "U", "Let this version return, with the reason written below", on(PLAN)),
        ("abort", "Abort", "X", "Hold a second: stop at the next safe point and go back", refusals["abort"]),
    ]
    for i, kind in enumerate(StrategyKind, start=1):
        rows.append(
            (
                f"as-{kind.value}",
                f"Plan it: {strategy_name(kind)}",
                str(i),
                "The same version, or the same past, with another strategy",
                lambda _context: "" if stage() in (OVERVIEW, PLAN) else "only on a plan or the gate backtest",
            )
        )
    for key, name, _words in REASONS[OperationKind.DEPLOY]:
        rows.append((name, f"Reason: {name}", key, "One key for the audit log", on(PLAN)))
    return {
        name: Action(f"rollouts.{name}", text, keys, hint, "rollouts", rule) for name, text, keys, hint, rule in rows
    }
