"""The action rewind on a running server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.server.api.test_edit import edit, same
from tests.server.running import Server

BODY: dict[str, Any] = {
    "model": "icons",
    "n": 8,
    "seed": 21,
    "condition": {"label": 1},
    "output": {"format": "list"},
    "filter": {"min": 0.5, "action": "rewind", "max_attempts": 3},
}


def test_doubtful_samples_are_sent_elsewhere(server: Server) -> None:
    answer = server.generate(**BODY, rewind={})
    by_index = {sample["index"]: sample for sample in answer["samples"]}
    plain = server.generate(**{**BODY, "filter": None})["samples"]
    actions = []
    for place in range(8):
        chain = [by_index[i] for i in range(place, 24, 8) if i in by_index]
        assert chain[0]["confidence"] == plain[place]["confidence"]
        branched = 0
        for attempt, sample in enumerate(chain, 1):
            decision = sample["decision"]
            taken, last = decision["action_taken"], sample is chain[-1]
            actions.append(taken)
            passed = sample["confidence"] >= 0.5
            assert taken == ("accepted" if passed else "dropped" if last else "rewound")
            assert (decision["action_requested"], decision["attempt"]) == ("rewind", attempt)
            assert sample["rewound_from"] == (place + 8 * (attempt - 2) if attempt > 1 else None)
            assert (sample["data"] is not None) == passed
            if attempt > 1:
                assert sample["confidence_holds"] is False
                step = max(chain[attempt - 2]["commit"]["step"] - 2, 0)
                kept = step >= branched
                left = 20 - step if kept else 20
                assert sample["evaluations"] == 1 + 2 * left, "from 0.1 before it on"
                branched = step
        assert passed or len(chain) == 3
    assert {"accepted", "rewound"} <= set(actions)
    assert len(by_index) == len(answer["samples"]) == len(actions)
    rewound = next(s for s in answer["samples"] if s["decision"]["action_taken"] == "rewound")
    again = edit(server, rewound)["samples"][0]
    assert same({**again, "data": 0}, {**rewound, "data": 0}), "a rewound one has a handle too"
    chained = next(s for s in answer["samples"] if s["rewound_from"] is not None)
    again = edit(server, chained, at={"t": 0.9})["samples"][0]
    assert same({**again, "data": 0}, {**chained, "data": 0}), "and so has what comes of it"


def test_what_is_made_does_not_depend_on_company(server: Server) -> None:
    alone = server.generate(**BODY)["samples"]
    others = [{"n": 7, "seed": 3}, {"model": "icons", "sampler": {"steps": 50}}]
    with ThreadPoolExecutor(8) as threads:
        noise = [threads.submit(server.generate, **other) for other in 3 * others]
        busy = [threads.submit(server.generate, **BODY) for _ in range(2)]
        assert all(answer.result()["samples"] == alone for answer in busy)
        assert all(answer.result()["samples"] for answer in noise)


def test_a_shift_leaves_more_open(server: Server) -> None:
    never = {"by": "uncertainty", "max": -1e9, "action": "rewind"}
    body = {**BODY, "filter": {**never, "max_attempts": 2, "shift": -0.2}}
    samples = server.generate(**body)["samples"]
    assert [sample["index"] for sample in samples] == list(range(16))
    for sample in samples[8:]:
        assert sample["decision"]["action_taken"] == "dropped"
        assert "no attempt left" in sample["decision"]["reason"]
        step = max(samples[sample["rewound_from"]]["commit"]["step"] - 4, 0)
        assert sample["evaluations"] == 1 + 2 * (20 - step), "a frame was kept there"
