"""A store of ML Metadata as the real ml-metadata package writes it, from an environment of its own, into any database it knows."""

from __future__ import annotations

import json
import subprocess

from mlcontrol.testing.servers import installed


def write_store(config: str) -> dict[str, int]:
    """Writes three runs and two models without one into an empty store. ``config``: a ``ConnectionConfig`` as text. Ids of the
    models by version."""
    python = installed("mlmd") / "bin" / "python"
    done = subprocess.run([python, "-c", _WRITER, config], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    models: dict[str, int] = json.loads(done.stdout)
    return models


_WRITER = '''
"""Three runs of a pipeline as TFX records them: versions 1 and 3 from one span of data, 2 from another; 2 is not blessed."""
import json, sys
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

from google.protobuf import text_format

config = text_format.Parse(sys.argv[1], pb.ConnectionConfig())
store = metadata_store.MetadataStore(config)
INT, TEXT, DOUBLE = pb.INT, pb.STRING, pb.DOUBLE

def artifact_type(name, **properties):
    return store.put_artifact_type(pb.ArtifactType(name=name, properties=properties))

def execution_type(name):
    return store.put_execution_type(pb.ExecutionType(name=name, properties={"git_commit": TEXT}))

types = {name: artifact_type(name, **more) for name, more in {
    "Examples": {"span": INT, "version": INT}, "ExampleStatistics": {}, "Schema": {}, "TransformGraph": {}, "Model": {},
    "ModelEvaluation": {}, "ModelBlessing": {}, "PushedModel": {}}.items()}
steps = {name: execution_type("tfx.components." + name.lower() + "." + name) for name in (
    "CsvExampleGen", "StatisticsGen", "SchemaGen", "Transform", "Trainer", "Evaluator", "Pusher")}
kinds = [store.put_context_type(pb.ContextType(name=name)) for name in ("pipeline", "pipeline_run")]
[pipeline] = store.put_contexts([pb.Context(type_id=kinds[0], name="fraud-pipeline")])

def artifact(kind, uri, name="", span=None, **custom):
    made = pb.Artifact(type_id=types[kind], uri=uri, state=pb.Artifact.LIVE)
    if name:
        made.name = name
    if span is not None:
        made.properties["span"].int_value = span
    for key, value in custom.items():
        if isinstance(value, int):
            made.custom_properties[key].int_value = value
        elif isinstance(value, float):
            made.custom_properties[key].double_value = value
        else:
            made.custom_properties[key].string_value = value
    return made

def execute(run, step, given, made, commit="", state=pb.Execution.COMPLETE):
    execution = pb.Execution(type_id=steps[step], last_known_state=state, name=f"{run.name}-{step}")
    if commit:
        execution.properties["git_commit"].string_value = commit
    events = [(a, pb.Event(type=pb.Event.INPUT)) for a in given] + [(a, pb.Event(type=pb.Event.OUTPUT)) for a in made]
    number, artifacts, _ = store.put_execution(execution, events, [run])
    ids = artifacts[len(given):]
    return store.get_artifacts_by_id(ids)

out = {}
for version, span in ((1, 7), (2, 8), (3, 7)):
    run = pb.Context(type_id=kinds[1], name=f"fraud-run-{version}")
    [run.id] = store.put_contexts([run])
    fingerprint = f"split:single_split,num_files:1,total_bytes:{1000 + span},xor_checksum:{17 * span},sum_checksum:{99 * span}"
    [examples] = execute(run, "CsvExampleGen", [], [
        artifact("Examples", f"/data/{version}", f"examples-{version}", span=span, input_fingerprint=fingerprint)])
    [statistics] = execute(run, "StatisticsGen", [examples], [artifact("ExampleStatistics", f"/stats/{version}")])
    [schema] = execute(run, "SchemaGen", [statistics], [artifact("Schema", f"/schema/{version}")])
    transformed, graph = execute(run, "Transform", [examples, schema], [
        artifact("Examples", f"/transformed/{version}"), artifact("TransformGraph", f"/graph/{version}")])
    given = [transformed, graph, schema]
    [model] = execute(run, "Trainer", given, [artifact("Model", f"/model/{version}")], commit=f"c0ffee{version}")
    execute(run, "Evaluator", [examples, model], [
        artifact("ModelEvaluation", f"/evaluation/{version}", auc=0.9125),
        artifact("ModelBlessing", f"/blessing/{version}", blessed=int(version != 2))])
    execute(run, "Pusher", [model], [artifact("PushedModel", f"/pushed/{version}", pushed_version=str(version),
        pushed_destination=f"/models/fraud/{version}")])
    out[version] = model.id
lone = pb.Artifact(type_id=types["Model"], uri="/model/lone", name="churn", state=pb.Artifact.LIVE)
lone.custom_properties["version"].string_value = "5"
small = pb.Artifact(type_id=types["Model"], uri="/model/small", name="spam", state=pb.Artifact.LIVE)
small.custom_properties["version"].string_value = "rc1"
[out["lone"], _] = store.put_artifacts([lone, small])
print(json.dumps(out))
'''
