"""Incidents, as data and as decisions about them."""
