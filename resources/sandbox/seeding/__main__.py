"""Seeds the sandbox once: trains, registers in the running MLflow, fills the servers' repositories, golden sets, held-out rows.

    python seeding --tracking-uri http://127.0.0.1:PORT --fleet FOLDER --artifacts FOLDER

Progress goes to standard output, one line per step.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import diamond_cut
import digits
import golden
import mlflow
import progression
import rows
from publish import publish
from registry import register
from versions import Service


def seed(service: Service, fleet: Path, artifacts: Path) -> None:
    client = mlflow.MlflowClient()
    client.create_registered_model(service.name, tags={"team": service.team}, description=service.description)
    mlflow.set_experiment(service.name)
    candidates = service.candidates(service.split)
    for number, candidate in enumerate(candidates, start=1):
        print(f"{service.title}: registering version {number} of {len(candidates)}", flush=True)
        artifact = register(service, candidate, number, artifacts)
        if candidate.wired:
            publish(service, number, artifact / "model.skops", fleet)
    (fleet / "golden" / f"{service.name}.json").write_text(
        json.dumps(golden.golden_set(service, [candidates[number - 1].model for number in service.good]), indent=1)
    )
    held = service.split.heldout
    lines = (
        json.dumps({"inputs": rows.inputs_of(held.x, row, service.image_input), "label": rows.plain(held.y[row])})
        for row in range(len(held.y))
    )
    (fleet / "heldout" / f"{service.name}.jsonl").write_text("\n".join(lines) + "\n")
    about = {"slices": service.slices, "drift": service.drift}
    (fleet / "heldout" / f"{service.name}.about.json").write_text(json.dumps(about))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracking-uri", required=True)
    parser.add_argument("--fleet", required=True, type=Path)
    parser.add_argument("--artifacts", required=True, type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # of MLflow's own making; what matters is checked by the tests
    mlflow.set_tracking_uri(given.tracking_uri)
    for name in ("triton", "mlserver", "golden", "heldout"):
        (given.fleet / name).mkdir()
    for service in (digits.service(), diamond_cut.service(), progression.service()):
        seed(service, given.fleet, given.artifacts)


if __name__ == "__main__":
    main()
