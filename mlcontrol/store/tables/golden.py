"""What each generation scored on its golden set."""

from __future__ import annotations

import sqlalchemy as sa

from mlcontrol.store.tables.metadata import metadata

# Of stores made before scores were kept by set; read where nothing newer is known.
golden_scores = sa.Table(
    "golden_scores",
    metadata,
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("right_answers", sa.BigInteger, nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("set_of", sa.Text, nullable=False),  # digest of the items: only scores of one set can be compared
)
golden_generations = sa.Table(
    "golden_generations",
    metadata,
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("set_of", sa.Text, primary_key=True),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("right_answers", sa.BigInteger, nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("share", sa.Double, nullable=True),
    sa.Column("low", sa.Double, nullable=False),
    sa.Column("high", sa.Double, nullable=False),
    sa.Column("details", sa.Text, nullable=False),  # JSON: critical items that failed, (right, n) by slice
)
