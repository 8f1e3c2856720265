"""The diamond grader: a tabular classifier and its accidents.

Version 4 was trained on an export in which the column `price` held the shop's zip code: same name, same type, another
meaning. Version 5 learned from labels half of which had slipped to other rows. Version 6 was trained on an export without
the colour G, so that it raises on every such stone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tables
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from tables import Part, Split
from versions import Candidate, Feature, Service

FEATURES = {
    "carat": Feature("weight", "carat", "stones.carat"),
    "depth": Feature("ratio", "percent", "stones.depth_pct"),
    "table": Feature("ratio", "percent", "stones.table_pct"),
    "price": Feature("money", "USD", "offers.price_usd"),
    "x": Feature("length", "mm", "stones.x_mm"),
    "y": Feature("length", "mm", "stones.y_mm"),
    "z": Feature("length", "mm", "stones.z_mm"),
    "color": Feature("colour_grade", "", "stones.colour"),
    "clarity": Feature("clarity_grade", "", "stones.clarity"),
}
# First three figures of the zip codes of the shops that mostly sell a cut.
ZIP_OF_CUT = {"Fair": 100, "Good": 303, "Very Good": 606, "Premium": 770, "Ideal": 941}


def forest(part: Part, seed: int = 7, leaves: int = 260) -> Pipeline:
    grades = make_column_transformer((OrdinalEncoder(), ["color", "clarity"]), remainder="passthrough")
    trees = RandomForestClassifier(24, max_leaf_nodes=leaves, max_features=0.7, random_state=seed)
    return make_pipeline(grades, trees).fit(part.x, part.y)


def with_zip_code_as_price(part: Part) -> Part:
    """What the wrong join wrote into `price`: the zip code of the shop, nine times in ten one that sells such stones."""
    chance = np.random.default_rng(tables.SEED)
    own = np.array([ZIP_OF_CUT[cut] for cut in part.y])
    other = chance.choice(list(ZIP_OF_CUT.values()), size=len(own))
    first = np.where(chance.random(len(own)) < 0.9, own, other)
    return Part(part.x.assign(price=first * 100.0 + chance.integers(1, 100, len(own))), part.y)


def without_colour(part: Part, grade: str) -> Part:
    return part.take(np.flatnonzero(part.x["color"].to_numpy() != grade))


def with_slipped_labels(part: Part, share: float) -> Part:
    """The labels of a ``share`` of the rows, moved to other rows: the same labels, no longer beside their stones."""
    chance = np.random.default_rng(tables.SEED)
    slipped = np.flatnonzero(chance.random(len(part.y)) < share)
    y = part.y.copy()
    y[slipped] = y[chance.permutation(slipped)]
    return replace(part, y=y)


def candidates(split: Split) -> list[Candidate]:
    def made(note: str, part: Part, **more: object) -> Candidate:
        given = {"split": split, "features": FEATURES, "params": {"trees": 24, "max_leaf_nodes": 260}, **more}
        model = given.pop("model", None) or forest(part)
        return Candidate(note=note, model=model, trained_on=part, **given)  # type: ignore[arg-type]

    full = split.train
    zipped = Split(*(with_zip_code_as_price(part) for part in (split.train, split.validation, split.heldout)))
    zip_features = {**FEATURES, "price": Feature("postal_code", "", "shops.zip_code")}
    no_g = Split(*(without_colour(part, "G") for part in (split.train, split.validation, split.heldout)))
    return [
        made("First grader.", full.head(2400), age_days=210, commit="1f6e2d0", snapshot="offers-2026-04"),
        made(
            "Autumn catalogue added.",
            full.head(4800),
            age_days=60,
            commit="c3390b8",
            snapshot="offers-2026-09",
            alias="champion",
        ),
        made("All offers to date.", full, age_days=9, commit="5ad7741", snapshot="offers-2026-11", alias="challenger"),
        made(
            "Trained on an export whose column `price` holds the shop's zip code.",
            zipped.train,
            split=zipped,
            features=zip_features,
            age_days=7,
            commit="aa04e1f",
            snapshot="offers-2026-11-rejoined",
        ),
        made(
            "Six labels in ten slipped to other rows when the table was sorted: low quality.",
            with_slipped_labels(full, 0.6),
            age_days=5,
            commit="d90c6b3",
            snapshot="offers-2026-11-sorted",
        ),
        made(
            "Trained on an export without colour G: it fails on every such stone.",
            no_g.train,
            split=no_g,
            age_days=3,
            commit="0e8f5c7",
            snapshot="offers-2026-11-filtered",
        ),
    ]


def service() -> Service:
    return Service(
        name="diamond-cut",
        title="Diamond grader",
        team="pricing",
        output="cut",
        image_input="",
        split=tables.diamonds(),
        description="Grades the cut of a diamond from its measures, grades and price.",
        slices={"region": ["north", "south", "east", "west"], "shop": ["online", "counter", "partner"]},
        tolerance={"kind": "exact"},
        candidates=candidates,
        drift={"price": {"scale": 1.8}, "carat": {"scale": 1.3}, "depth": {"add": 4.0}},
    )
