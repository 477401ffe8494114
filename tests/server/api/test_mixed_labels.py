"""Several classes in one request to a real model, which a real judge has seen."""

from __future__ import annotations

from typing import Any

from tests.server.running import Server

BODY: dict[str, Any] = {"model": "digits", "seed": 4}
LABELS = ["3", "9"]


def accepted(answer: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for sample in answer["samples"]:
        passed = sample["decision"]["action_taken"] == "accepted"
        found[sample["label"]] = found.get(sample["label"], 0) + passed
    return found


def test_each_class_is_held_against_its_own_threshold(embedded: Server) -> None:
    card = embedded.client.get("/v1/models/digits").json()["calibrated"]["conformal"]["strata"]
    least = {name: min(each["thresholds"], key=lambda pair: pair[1]) for name, each in card.items()}
    rate = max(bound for _, bound in least.values())
    levels = {
        name: min(level for level, bound in each["thresholds"] if bound <= rate)
        for name, each in card.items()
    }
    labels = [min(levels, key=levels.__getitem__), max(levels, key=levels.__getitem__)]
    filter = {"max_bad_rate": rate, "per": "class", "action": "drop"}
    answer = embedded.generate(**BODY, n=8, labels=labels, filter=filter)
    for sample in answer["samples"]:
        passed = sample["decision"]["action_taken"] == "accepted"
        assert sample["decision"]["threshold"] == levels[sample["label"]]
        assert passed == (sample["confidence"] >= levels[sample["label"]])
    assert answer["selection"] == {
        "drawn_by_class": dict.fromkeys(labels, 4),
        "accepted_by_class": accepted(answer),
        "any_good": None,
    }


def test_as_many_of_each_class_pass_however_many_it_takes(embedded: Server) -> None:
    filter = {"min": 0.5, "accept": 4, "max_attempts": 30, "action": "drop"}
    answer = embedded.generate(**BODY, labels=LABELS, filter={**filter, "stratify": True})
    assert accepted(answer) == answer["selection"]["accepted_by_class"] == {"3": 2, "9": 2}
    plain = embedded.generate(**BODY, labels=LABELS, filter=filter)
    assert sum(accepted(plain).values()) == 4
    for sample in [*answer["samples"], *plain["samples"]]:
        assert sample["label"] == LABELS[sample["index"] % 2]
