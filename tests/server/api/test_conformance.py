"""Requests made up from the OpenAPI document: every answer is one that it speaks of."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import Guarded
from tests.server.running import Server

SETTINGS = """
suppress-health-check = ["all"]
request-timeout = 100
warnings = false

[generation]
deterministic = true
database = "none"

# What the document promises, refusals for want of room or time included, but for the one that owns
# up to a bug.
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503", "504", "507"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "410", "413", "414", "415",
                     "422", "429", "5xx"]

# Schemas say nothing of what depends on the model, or on other fields.
[checks.positive_data_acceptance]
enabled = false

# Each of these may be a whole trajectory made again.
[[operations]]
include-path = "/v1/handles/{id}/frames"
generation.max-examples = 20
"""

ADMINISTRATION = r"/(load|unload|calibrate)$"
LASTING = r"/(load|unload|events)$"
"""The events of a calibration last as long as its draws."""
SMALL = ("--max-samples-per-request", "8", "--max-queued-samples", "64")
LEAST_CASES = 5000


def conform(
    url: str, folder: Path, *options: str, token: str | None = None, examples: int
) -> Counter[str]:
    """Send requests made up from the document of a server; return how many got which status.

    Fails, with what it says, if an answer is none that the document speaks of.
    """
    settings, report = folder / "schemathesis.toml", folder / "events.ndjson"
    settings.write_text(SETTINGS)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings)),
        *("run", f"{url}/openapi.json", "--max-examples", str(examples)),
        *("--report", "ndjson", "--report-ndjson-path", str(report), "--no-color"),
        *(() if token is None else ("--header", f"Authorization: Bearer {token}")),
        *options,
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[:10_000] + done.stderr[-2000:]
    found = Counter(
        status for line in report.read_text().splitlines() for status in statuses(json.loads(line))
    )
    print(f"{found.total()} cases: {dict(found.most_common())}")
    return found


def statuses(node: Any) -> list[str]:
    """Those of all answers in a report."""
    if isinstance(node, list):
        return [status for each in node for status in statuses(each)]
    if not isinstance(node, dict):
        return []
    own = [str(node["status_code"])] if "status_code" in node else []
    return own + [status for each in node.values() for status in statuses(each)]


def test_made_up_requests_get_documented_answers(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    server = start("--default-model", "points", *SMALL)
    options = ("--exclude-path-regex", LASTING, "--phases", "examples,fuzzing")
    found = conform(server.url, tmp_path, *options, examples=14)
    assert found.total() > 200
    assert found["200"] > 20, "not all of them are refused"
    assert not any("Traceback" in line for line in server.log)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("keyed", [False, True])
def test_thousands_of_them(
    guarded: Guarded, start: Callable[..., Server], tmp_path: Path, keyed: bool
) -> None:
    """With everything that the document leads to: what one answer names, the next request asks."""
    server = guarded.server if keyed else start("--default-model", "points", *SMALL)
    token = guarded.tokens["all"] if keyed else None
    options = ("--exclude-path-regex", ADMINISTRATION)
    found = conform(server.url, tmp_path, *options, token=token, examples=400)
    assert found.total() >= LEAST_CASES
    assert found["200"] > 500
    assert ("401" in found) == keyed
    assert not any("Traceback" in line for line in server.log)
    assert server.generate(n=2)["samples"]


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_models_are_loaded_and_unloaded_at_random(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    """On a server of their own, since nothing much can be made once all are gone."""
    server = start("--default-model", "points", *SMALL)
    options = ("--include-path-regex", r"^/v1/models|^/health|^/v1/generate$")
    found = conform(server.url, tmp_path, *options, examples=40)
    assert found["200"] > 50
    assert not any("Traceback" in line for line in server.log)
    for name in ("points", "icons"):
        answer = server.client.post(f"/v1/models/{name}/load")
        assert answer.status_code == 200, answer.text
    assert server.generate(n=2)["samples"]
