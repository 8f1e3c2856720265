"""Campaigns, claims and judgements, kept."""
