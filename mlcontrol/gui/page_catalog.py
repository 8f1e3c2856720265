"""Where each page is found. Loaded when first opened: the first paint waits for no page it does not show."""

from __future__ import annotations

from importlib import import_module

from mlcontrol.gui.pages.page import Page

CATALOG: dict[str, tuple[str, str]] = {
    "fleet": ("mlcontrol.gui.pages.fleet", "FleetPage"),
    "service": ("mlcontrol.gui.pages.service", "ServicePage"),
    "alerts": ("mlcontrol.gui.pages.alerts", "AlertsPage"),
    "timeline": ("mlcontrol.gui.pages.timeline", "TimelinePage"),
    "rollouts": ("mlcontrol.gui.pages.rollouts", "RolloutsPage"),
    "reviews": ("mlcontrol.gui.pages.reviews", "ReviewsPage"),
    "incident": ("mlcontrol.gui.pages.incident", "IncidentPage"),
    "audit": ("mlcontrol.gui.pages.audit", "AuditPage"),
    "connections": ("mlcontrol.gui.pages.connections", "ConnectionsPage"),
}


def make_page(name: str) -> Page:
    """Raises `KeyError` for a name that is no page."""
    module, kind = CATALOG[name]
    page: Page = getattr(import_module(module), kind)()
    return page
