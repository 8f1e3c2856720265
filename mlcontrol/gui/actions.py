"""Every action declared once as data: the menus, the palette, the key sheet, the buttons and the tests read it from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlcontrol.core.state import FleetState
from mlcontrol.core.types import ServiceState, WayBackState


@dataclass(frozen=True, slots=True)
class Context:
    """What an enabled rule may look at. ``view_only``: why nothing may be changed from here, if so."""

    state: FleetState | None = None
    service: ServiceState | None = None
    connected: bool = False
    view_only: str = ""


Rule = Callable[[Context], str]  # the reason why it cannot act now; empty: it can


def always(_context: Context) -> str:
    return ""


def needs_engine(context: Context) -> str:
    return "" if context.connected else "the engine does not answer"


def needs_service(context: Context) -> str:
    return "" if context.service is not None else "choose a service"


def may_change(context: Context) -> str:
    """A service is chosen, the engine answers, and this person may act."""
    return needs_service(context) or needs_engine(context) or context.view_only


def may_roll_back(context: Context) -> str:
    reason = may_change(context)
    if reason or context.service is None:
        return reason
    way = context.service.way_back
    if way.state is WayBackState.NONE:
        return "no earlier good version"
    if way.state is WayBackState.BLOCKED:
        return way.why or "the way back is blocked"
    if way.state is WayBackState.ONE_WAY:
        return way.why or "callers speak the new version's language by now"
    return ""


@dataclass(frozen=True, slots=True)
class Action:
    """``keys``: portable key sequence text ("R", "Ctrl+K", "G, F" for two keys one after the other); empty: palette only.
    ``page``: the page it belongs to; empty: everywhere. ``help``: one line for the key sheet and the palette."""

    id: str
    text: str
    keys: str = ""
    help: str = ""
    page: str = ""
    rule: Rule = always

    @property
    def cap(self) -> str:
        """The keys as a cap shows them: "G F", "Ctrl K", "Enter"."""
        return self.keys.replace(", ", " ").replace("+", " ").replace("Return", "Enter") if self.keys != "+" else "+"


@dataclass(frozen=True, slots=True)
class Bound:
    """An action with what it does in one window."""

    action: Action
    act: Callable[[], None]


PAGES: tuple[tuple[str, str, str], ...] = (  # name, text, second key after G
    ("fleet", "Fleet", "F"),
    ("service", "Service", "S"),
    ("timeline", "Timeline", "T"),
    ("alerts", "Alerts", "L"),
    ("rollouts", "Rollouts", "R"),
    ("reviews", "Reviews", "V"),
    ("incident", "Incident", "I"),
    ("audit", "Audit", "A"),
    ("connections", "Connections", "C"),
)

GO: tuple[Action, ...] = tuple(
    Action(f"go.{name}", f"Go to {text}", f"G, {key}", f"Open the page {text}") for name, text, key in PAGES
)

INCIDENT = Action("incident", "Incident mode", "Ctrl+Shift+I", "What broke, since when, and the way back")
PALETTE = Action("palette", "Go to or do anything", "Ctrl+K", "Search every action, service, version and operation")
KEY_SHEET = Action("keys", "Keys on this page", "?", "List what every key does here")
REFRESH = Action("refresh", "Poll now", "F5", "Ask every connection now instead of at its next turn", rule=needs_engine)
ZOOM_IN = Action("zoom.in", "Larger type", "Ctrl+=", "Everything one size larger")
ZOOM_OUT = Action("zoom.out", "Smaller type", "Ctrl+-", "Everything one size smaller")
ZOOM_RESET = Action("zoom.reset", "Normal type", "Ctrl+0", "Back to the normal type size")
THEME_DARK = Action("theme.dark", "Theme: dark", "Ctrl+T, D", "Dark colours")
THEME_LIGHT = Action("theme.light", "Theme: light", "Ctrl+T, L", "Light colours")
THEME_CONTRAST = Action("theme.high_contrast", "Theme: high contrast", "Ctrl+T, H", "High contrast colours")
THEME_SYSTEM = Action("theme.system", "Theme: follow the system", "Ctrl+T, S", "Use what the desktop uses")
TEAR_OFF = Action("tear-off", "Open this page in its own window", "Ctrl+Shift+N", "A second window with this page")
DISMISS = Action("messages.close", "Close the messages", "Ctrl+D", "Those at the bottom right, errors too")
RECONNECT = Action("engine.reconnect", "Reach the engine again", "", "Join or start the engine of this workspace")
QUIT = Action("quit", "Close the window", "Ctrl+Q", "The engine finishes what runs; nothing is stopped")

ROLL_BACK = Action("roll-back", "Roll back", "R", "Plan the way back to the last good version", rule=may_roll_back)
PROMOTE = Action("promote", "Promote", "P", "Plan the deploy of another version", rule=may_change)

LOOKS: tuple[Action, ...] = (ZOOM_IN, ZOOM_OUT, ZOOM_RESET, THEME_DARK, THEME_LIGHT, THEME_CONTRAST, THEME_SYSTEM)

EVERYWHERE: tuple[Action, ...] = (
    INCIDENT,
    *GO, PALETTE, KEY_SHEET, REFRESH, ZOOM_IN, ZOOM_OUT, ZOOM_RESET, THEME_DARK, THEME_LIGHT, THEME_CONTRAST,
    THEME_SYSTEM, TEAR_OFF, DISMISS, RECONNECT, QUIT,
)  # fmt: skip
