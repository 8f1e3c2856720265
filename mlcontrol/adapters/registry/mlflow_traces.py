"""MLflow's traces as review items, and human verdicts written back to them as assessments."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import quote

from mlcontrol.adapters.http import Call, HttpClient
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import SecretReader
from mlcontrol.ports.errors import NotFound, Rejected, ServerFailed
from mlcontrol.ports.predictions import LoggedPrediction
from mlcontrol.ports.review_sources import Assessment

API = "/api/3.0/mlflow"
_PAGE = 100
_MAX_PAGES = 200


class MlflowTraces:
    """Satisfies `ports.review_sources.Traces`. *Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.http = HttpClient(settings, secret)

    def close(self) -> None:
        self.http.close()

    def search(self, experiment: str, limit: int, deadline_s: float = 20.0) -> tuple[LoggedPrediction, ...]:
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
        found: list[LoggedPrediction] = []
        token = ""
        for _ in range(_MAX_PAGES):
            body: dict[str, Any] = {"locations": [place], "max_results": min(_PAGE, limit - len(found))}
            if token:
                body["page_token"] = token
            answer = self.http.json_of(self.http.checked(Call("POST", f"{API}/traces/search", json=body), deadline_s))
            rows = answer.get("traces", []) if isinstance(answer, dict) else None
            if not isinstance(rows, list):
                raise self.http.unexpected("Its traces are no list.")
            found += [self._logged(row, deadline_s) for row in rows if isinstance(row, dict) and row.get("trace_id")]
            token = str(answer.get("next_page_token") or "")
            if not token or len(found) >= limit:
                break
        return tuple(found[:limit])

    def _logged(self, row: dict[str, Any], deadline_s: float) -> LoggedPrediction:
        """Inputs and outputs whole from the root span; the search answer only holds previews that may be cut."""
        trace = str(row["trace_id"])
        inputs, outputs = str(row.get("request_preview") or ""), str(row.get("response_preview") or "")
        try:
            document = self.http.get_json(f"{API}/traces/get", deadline_s, {"trace_id": trace})
        except (NotFound, Rejected, ServerFailed):
            document = None  # its spans lie elsewhere, or nowhere: the previews are what there is
        spans = (document.get("trace") or {}).get("spans") if isinstance(document, dict) else None
        for span in spans or []:
            if isinstance(span, dict) and not span.get("parent_span_id"):
                values = _attributes(span.get("attributes"))
                inputs = values.get("mlflow.spanInputs", inputs)
                outputs = values.get("mlflow.spanOutputs", outputs)
        tags = row.get("tags") if isinstance(row.get("tags"), dict) else {}
        metadata = row.get("trace_metadata") if isinstance(row.get("trace_metadata"), dict) else {}
        known = {**(metadata or {}), **(tags or {})}
        slices = {str(k): str(v) for k, v in (tags or {}).items() if not str(k).startswith("mlflow.")}
        version = str(known.get("version") or known.get("mlflow.modelId") or "")
        return LoggedPrediction(
            trace, _seconds(row.get("request_time")), version, _json(inputs), _json(outputs), slices
        )

    def assess(self, trace: str, assessment: Assessment, deadline_s: float = 10.0) -> bool:
        place = f"{API}/traces/{quote(trace, safe='')}/assessments"
        body = {
            "assessment": {
                "assessment_id": assessment.id,
                "assessment_name": assessment.name,
                "trace_id": trace,
                "source": {"source_type": "HUMAN", "source_id": assessment.rater},
                "feedback": {"value": assessment.value},
                "rationale": assessment.rationale,
                "metadata": dict(assessment.metadata),
            }
        }
        response = self.http.send(Call("POST", place, json=body), deadline_s)
        if response.status == 200:
            return True
        # The same id again is a broken constraint there (500): maybe it is done, so look.
        looked = self.http.send(Call("GET", f"{place}/{quote(assessment.id, safe='')}"), deadline_s)
        if looked.status == 200:
            return False
        raise self.http.refusal(response)


def _attributes(value: Any) -> dict[str, str]:
    """Span attributes come as a mapping, or as OpenTelemetry's list of key and typed value."""
    if isinstance(value, dict):
        return {str(k): v if isinstance(v, str) else json.dumps(v) for k, v in value.items()}
    result = {}
    for pair in value if isinstance(value, list) else []:
        if isinstance(pair, dict) and isinstance(pair.get("value"), dict):
            text = pair["value"].get("string_value", pair["value"].get("stringValue"))
            result[str(pair.get("key"))] = str(text) if text is not None else json.dumps(pair["value"])
    return result


def _json(text: str) -> str:
    """A text that is no JSON becomes a JSON text of it."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return json.dumps(text)
    return text


def _seconds(value: Any) -> float:
    if isinstance(value, int | float):
        return float(value) / 1000
    try:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0
