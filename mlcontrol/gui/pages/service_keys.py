"""The actions of the service page that no other page has."""

from __future__ import annotations

from mlcontrol.gui import actions as a
from mlcontrol.gui.actions import Action

CLOSER = Action("service.closer", "Shorter span", "[", "Zoom in on the time axis", "service")
WIDER = Action("service.wider", "Longer span", "]", "Zoom out on the time axis", "service")
FOLLOW = Action("service.now", "Follow now", "N", "The right end of the axis is now again", "service")
NEXT = Action("service.next", "Next service", "J", "In the order of the workspace", "service")
PREVIOUS = Action("service.previous", "Previous service", "K", "In the order of the workspace", "service")
COMPARE = Action(
    "service.compare",
    "Compare with the way back",
    "C",
    "What differs between the two versions",
    "service",
    a.needs_service,
)

LOG = Action("service.log", "Axis in powers of ten", "L", "Of the chart under the pointer, or of all", "service")
PAST = Action(
    "service.past", "Compare with earlier", "Y", "Yesterday, last week, the previous version, nothing", "service"
)
LARGE = Action(
    "service.large", "One chart, large", "F", "The chart under the pointer, or the first; both axes zoom", "service"
)
