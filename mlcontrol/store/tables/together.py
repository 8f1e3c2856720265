"""Approvals of plans; drills; what the last look at each way back found."""

from __future__ import annotations

import sqlalchemy as sa

from mlcontrol.store.tables.metadata import metadata

approvals = sa.Table(
    "approvals",
    metadata,
    sa.Column("plan_hash", sa.Text, primary_key=True),
    sa.Column("actor", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("expires_s", sa.Double, nullable=False),
)

drills = sa.Table(
    "drills",
    metadata,
    sa.Column("operation", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("to_version", sa.Text, nullable=False),
    sa.Column("ok", sa.Boolean, nullable=False),
    sa.Column("detect_s", sa.Double),
    sa.Column("decide_s", sa.Double),
    sa.Column("act_s", sa.Double),
    sa.Column("verify_s", sa.Double),
    sa.Column("words", sa.Text, nullable=False),
    sa.Index("drills_by_service", "service", "at_s"),
)

return_checks = sa.Table(
    "return_checks",
    metadata,
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("current", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("blocked", sa.Text, nullable=False),
    sa.Column("one_way", sa.Boolean, nullable=False),
    sa.Column("passed_over", sa.Text, nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
)
