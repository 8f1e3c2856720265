"""Incidents: kept, briefed, told afterwards."""
