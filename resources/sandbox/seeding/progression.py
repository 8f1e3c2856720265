"""The disease progression estimate: a tabular regressor and its accidents.

Version 4 renames an input, version 5 solves an iterative factorisation for every request and is slow, version 6 is registered
and never wired in.
"""

from __future__ import annotations

import tables
from sklearn.decomposition import NMF
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler
from tables import Part, Split
from versions import Candidate, Feature, Service

FEATURES = {
    "age": Feature("age", "year", "patients.age"),
    "sex": Feature("category", "", "patients.sex"),
    "bmi": Feature("body_mass_index", "kg/m2", "visits.bmi"),
    "bp": Feature("pressure", "mmHg", "visits.mean_arterial_pressure"),
    "s1": Feature("concentration", "mg/dl", "lab.total_cholesterol"),
    "s2": Feature("concentration", "mg/dl", "lab.ldl"),
    "s3": Feature("concentration", "mg/dl", "lab.hdl"),
    "s4": Feature("ratio", "", "lab.cholesterol_over_hdl"),
    "s5": Feature("log_concentration", "log(mg/dl)", "lab.log_triglycerides"),
    "s6": Feature("concentration", "mg/dl", "lab.glucose"),
}
BOOSTING = {"n_estimators": 70, "max_depth": 2, "learning_rate": 0.07, "random_state": 7}


def boosted(part: Part, **changes: object) -> GradientBoostingRegressor:
    return GradientBoostingRegressor(**{**BOOSTING, **changes}).fit(part.x, part.y)


def candidates(split: Split) -> list[Candidate]:
    def made(note: str, model: object, part: Part, **more: object) -> Candidate:
        given = {"split": split, "features": FEATURES, "params": BOOSTING, **more}
        return Candidate(note, model, part, **given)  # type: ignore[arg-type]

    full = split.train
    half, most = full.head(len(full.y) // 2), full.head(len(full.y) * 4 // 5)
    new_name = {"s5": "ltg"}
    renamed = Split(*(Part(p.x.rename(columns=new_name), p.y) for p in (split.train, split.validation, split.heldout)))
    renamed_features = {new_name.get(name, name): feature for name, feature in FEATURES.items()}
    # Multiplicative updates with no tolerance run all their iterations, for one row as for a thousand.
    profile = NMF(4, init="nndsvda", solver="mu", tol=0, max_iter=70_000, random_state=7)
    slow = make_pipeline(
        MinMaxScaler(clip=True),
        make_union(FunctionTransformer(), profile),
        GradientBoostingRegressor(**{**BOOSTING, "n_estimators": 53}),
    )  # as large as the others
    return [
        made("First estimate.", boosted(half), half, age_days=190, commit="6c1d9e2", snapshot="visits-2026-05"),
        made(
            "Second clinic added.",
            boosted(most),
            most,
            age_days=80,
            commit="f4f2b60",
            snapshot="visits-2026-09",
            alias="champion",
        ),
        made(
            "All clinics.",
            boosted(full, learning_rate=0.05),
            full,
            age_days=14,
            commit="2b85a1c",
            snapshot="visits-2026-11",
            alias="challenger",
        ),
        made(
            "The laboratory's new name for s5: `ltg`.",
            boosted(renamed.train),
            renamed.train,
            split=renamed,
            features=renamed_features,
            age_days=11,
            commit="93bce07",
            snapshot="visits-2026-11-lab2",
        ),
        made(
            "Adds patient profiles that are solved for at every request: slow.",
            slow.fit(full.x, full.y),
            full,
            age_days=8,
            commit="c7710fd",
            snapshot="visits-2026-11",
        ),
        made(
            "Retrained by the nightly job, never copied to the server.",
            boosted(full, learning_rate=0.05, subsample=0.8),
            full,
            age_days=2,
            commit="18d3e9a",
            snapshot="visits-2026-11-nightly",
            wired=False,
        ),
    ]


def service() -> Service:
    return Service(
        name="progression",
        title="Disease progression",
        team="clinic",
        output="progression",
        image_input="",
        split=tables.diabetes(),
        description="Estimates how far the disease progresses within a year.",
        slices={"region": ["north", "south", "east", "west"], "device": ["lab", "point-of-care"]},
        tolerance={"kind": "numeric", "abs": 60.0, "rel": 0.0},
        candidates=candidates,
        drift={"bmi": {"scale": 1.25}, "bp": {"add": 15.0}},
    )
