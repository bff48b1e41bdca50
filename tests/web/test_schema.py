"""The interface against its own description: whatever is sent, nothing breaks, and answers are as described."""

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis import checks

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
EXAMPLES = 6
"""Requests of each route. `schemathesis run ADDRESS/api/openapi.json` makes thousands."""


@pytest.fixture(scope="module")
def fuzzed(start_server, clip, tmp_path_factory):
    """A server with a job in each state that stays, for requests that know their ids."""
    running = start_server(tmp_path_factory.mktemp("fuzzed") / "data", limits={"queue": 3, "jobs": 50})
    yield running
    running.stop()


def test_the_description_has_all_routes(shared):
    described = shared.client.get("/api/openapi.json").json()
    routes = {
        f"{method.upper()} {path}" for path, methods in described["paths"].items() for method in methods
    }
    assert routes == {
        "GET /api/server", "POST /api/session", "DELETE /api/session", "OPTIONS /api/uploads", "POST /api/uploads",
        "HEAD /api/uploads/{upload_id}", "PATCH /api/uploads/{upload_id}", "DELETE /api/uploads/{upload_id}",
        "GET /api/jobs", "POST /api/jobs", "GET /api/jobs/{job_id}", "PATCH /api/jobs/{job_id}",
        "DELETE /api/jobs/{job_id}", "POST /api/jobs/{job_id}/start", "POST /api/jobs/{job_id}/cancel",
        "POST /api/jobs/{job_id}/resume", "GET /api/jobs/{job_id}/events", "GET /api/events",
        "GET /api/jobs/{job_id}/preview.png", "GET /api/jobs/{job_id}/frames/{number}/before.png",
        "GET /api/jobs/{job_id}/frames/{number}/after.png", "GET /api/jobs/{job_id}/result",
        "GET /api/jobs/{job_id}/frames", "GET /api/jobs/{job_id}/source",
        "POST /api/jobs/{job_id}/again",
    }  # fmt: skip
    assert "<script" not in shared.client.get("/docs").text


def test_nothing_breaks(fuzzed, clip):
    known = [fuzzed.done(clip)["id"], fuzzed.create(clip)["id"], fuzzed.upload(clip)]
    described = fuzzed.client.get("/api/openapi.json").json()
    for path in ("/api/events", "/api/jobs/{job_id}/events"):
        del described["paths"][path]  # these answers do not end
    schema = schemathesis.openapi.from_dict(described)
    codes: dict[str, set[int]] = {}

    for result in schema.get_all_operations():
        operation = result.ok()

        @hypothesis.given(
            case=operation.as_strategy(), job_id=hypothesis.strategies.sampled_from([None, *known])
        )
        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        def send(case, job_id):
            for name in ("job_id", "upload_id"):
                if job_id is not None and name in case.path_parameters:
                    case.path_parameters[name] = job_id
            answer = case.call(base_url=fuzzed.url)
            case.validate_response(answer, checks=CHECKS)
            codes.setdefault(case.operation.label, set()).add(answer.status_code)

        send()
    assert max(code for some in codes.values() for code in some) < 500
    assert len(codes) == 23
    assert fuzzed.client.get("/api/server").status_code == 200
