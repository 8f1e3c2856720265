"""The digit reader: an image classifier and its accidents (an artifact 40 % larger, one that cannot be loaded)."""

from __future__ import annotations

import tables
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.pipeline import make_pipeline
from stroke_width import StrokeWidth
from tables import Part, Split
from versions import Candidate, Feature, Service

FEATURES = {"image": Feature("grey_level", "1/16 of black", "scanner.glyph_8x8")}


def forest(part: Part, trees: int, seed: int = 7) -> ExtraTreesClassifier:
    # A fixed number of leaves gives every forest of as many trees the same size on disk.
    return ExtraTreesClassifier(trees, max_leaf_nodes=90, random_state=seed).fit(part.x, part.y)


def candidates(split: Split) -> list[Candidate]:
    def made(note: str, model: object, part: Part, params: dict[str, object], **more: object) -> Candidate:
        return Candidate(note, model, part, split, FEATURES, params, **more)  # type: ignore[arg-type]

    full = split.train
    half, most = full.head(len(full.y) // 2), full.head(len(full.y) * 4 // 5)
    deskewed = make_pipeline(StrokeWidth(), ExtraTreesClassifier(40, max_leaf_nodes=90, random_state=7))
    return [
        made(
            "First forest, on the pilot scans.",
            forest(half, 40),
            half,
            {"trees": 40, "max_leaf_nodes": 90},
            age_days=160,
            commit="4b1f0a9",
            snapshot="scans-2026-06",
        ),
        made(
            "Scans of the second office added.",
            forest(most, 40),
            most,
            {"trees": 40, "max_leaf_nodes": 90},
            age_days=75,
            commit="9c27d13",
            snapshot="scans-2026-09",
            alias="champion",
        ),
        made(
            "All offices.",
            forest(full, 40),
            full,
            {"trees": 40, "max_leaf_nodes": 90},
            age_days=12,
            commit="e05ab72",
            snapshot="scans-2026-11",
            alias="challenger",
        ),
        made(
            "A larger forest of the same quality: its artifact is 40 % larger.",
            forest(full, 56),
            full,
            {"trees": 56, "max_leaf_nodes": 90},
            age_days=10,
            commit="77d20ce",
            snapshot="scans-2026-11",
        ),
        made(
            "Measures stroke width with a class of the training project that the server does not have: it cannot load.",
            deskewed.fit(full.x, full.y),
            full,
            {"trees": 40, "stroke_width": True},
            age_days=6,
            commit="b81c4e4",
            snapshot="scans-2026-11",
            trusted=("sklearn.tree._tree.Tree", "stroke_width.StrokeWidth"),
        ),
    ]


def service() -> Service:
    return Service(
        name="digits",
        title="Digit reader",
        team="vision",
        output="digit",
        image_input="image",
        split=tables.digits(),
        description="Reads a handwritten digit from an 8 x 8 scan.",
        slices={"region": ["north", "south", "east", "west"], "device": ["flatbed", "handheld"]},
        tolerance={"kind": "exact"},
        candidates=candidates,
        drift={"image": {"add": 3.0, "max": 16.0}},
    )
