"""The keys of the incident page."""

from __future__ import annotations

from mlcontrol.gui.actions import ROLL_BACK, Action, Context, may_change, needs_engine

PAGE = "incident"


def _may_write(context: Context) -> str:
    return needs_engine(context) or context.view_only


DECLARE = Action(
    "incident.declare", "Declare, or join", "I", "Open the incident; deploys there are frozen", PAGE, may_change
)
NOTE = Action("incident.note", "Note", "N", "Write a line into the log", PAGE, _may_write)
DECISION = Action("incident.decision", "Decision", "D", "Write down what was decided", PAGE, _may_write)
HYPOTHESIS = Action("incident.hypothesis", "Hypothesis", "Y", "Write down what may be the cause", PAGE, _may_write)
TO_DO = Action("incident.to-do", "Action item", "A", "Something to do afterwards", PAGE, _may_write)
TAKE_OVER = Action("incident.take-over", "Take over", "T", "You act from here on; the other is told", PAGE, _may_write)
HAND_OVER = Action(
    "incident.hand-over", "Hand over", "H", "To the next person, with all that is known", PAGE, _may_write
)
ROLE = Action("incident.role", "Give a role", "P", "Who speaks to others, who writes, who leads", PAGE, _may_write)
SILENCE = Action(
    "incident.silence",
    "Silence 30 min",
    "S",
    "All alerts of this service, here and where they come from; with a reason",
    PAGE,
    _may_write,
)
LIFT = Action(
    "incident.lift", "Lift the silence", "Shift+S", "Its alerts may speak again, everywhere", PAGE, _may_write
)
BISECT = Action(
    "incident.bisect",
    "Bisect",
    "B",
    "Two suspects are close: a small share goes back to the version before, both are compared, it comes back",
    PAGE,
    may_change,
)
CANCEL_BISECT = Action(
    "incident.bisect-cancel", "Cancel the bisect", "Shift+B", "The share comes back at once", PAGE, may_change
)
MESSAGE = Action("incident.message", "Copy the status update", "M", "For the status channel, as of now", PAGE)
TEXTS = Action("incident.texts", "Words for others", "Shift+H", "Status, colleagues, callers, handoff; to copy", PAGE)
COMMANDS = Action("incident.commands", "Copy the commands by hand", "W", "For when the panel cannot act", PAGE)
CHECK = Action(
    "incident.check",
    "Is it over?",
    "F",
    "Without a way back: its facts must turn green one by one",
    PAGE,
    _may_write,
)
CLOSE = Action("incident.close", "Resolve", "C", "It is over; deploys go on", PAGE, _may_write)
REOPEN = Action("incident.reopen", "Reopen", "Shift+C", "It was closed too early", PAGE, _may_write)
POSTMORTEM = Action("incident.postmortem", "Postmortem", "X", "Markdown, HTML, PDF with the charts", PAGE, needs_engine)
PREVENT = Action(
    "incident.prevent",
    "Add what would have caught it",
    "V",
    "Adds the next proposal: rule, golden items, alert or drill",
    PAGE,
    _may_write,
)
PRACTICE = Action(
    "incident.practice",
    "Practice",
    "Shift+P",
    "Exercises on the sandbox, and your scores; seen by you alone",
    PAGE,
    needs_engine,
)
NEXT = Action("incident.next", "Next incident", "J", "Also the resolved ones", PAGE)
PREVIOUS = Action("incident.previous", "Previous incident", "K", "", PAGE)
LEAVE = Action("incident.leave", "Leave the plan", "Escape", "Nothing is done", PAGE)
ERRORS = Action("incident.reason-e", "Reason: errors", "E", "While the way back asks why", PAGE)
QUALITY = Action("incident.reason-q", "Reason: quality", "Q", "While the way back asks why", PAGE)
LATENCY = Action("incident.reason-l", "Reason: latency", "L", "While the way back asks why", PAGE)
OTHER = Action("incident.reason-o", "Reason: other", "O", "While the way back asks why", PAGE)
SUSPECTS = tuple(
    Action(f"incident.suspect-{n}", f"Suspect {n}", str(n), "What changed with it; says that you suspect it", PAGE)
    for n in range(1, 6)
)
BACK = Action(
    ROLL_BACK.id, ROLL_BACK.text, ROLL_BACK.keys, "The express way back to the last good version", PAGE, ROLL_BACK.rule
)
