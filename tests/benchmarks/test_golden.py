"""Golden digests: the same library agrees with itself, and the least change is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from benchmarks.golden import __main__ as command
from benchmarks.golden import digests as making
from benchmarks.golden.lanes import ADAPTIVE, METHODS, MODELS, SCORES, Lane, lanes
from benchmarks.golden.library import LaneSpec, Model, Sample, dump, load, run
from benchmarks.golden.pairs import Choice, covering


@pytest.fixture(scope="module")
def listed() -> list[Lane]:
    return lanes()


@pytest.fixture(scope="module")
def chosen(listed: list[Lane]) -> list[Lane]:
    """Two lanes of the ring of each sort."""
    sorts: dict[str, list[Lane]] = {}
    for lane in listed:
        if lane.model == "ring":
            sorts.setdefault(lane.name.partition(":")[0], []).append(lane)
    return [lane for of_a_sort in sorts.values() for lane in of_a_sort[:2]]


MADE: dict[str, Sample] = {}
"""Of lanes of the ring, by name."""


def once(model: Model, lane: Lane) -> Sample:
    """The sample of a lane, made for the first who asks for it."""
    if lane.name not in MADE:
        MADE[lane.name] = making.made(model, lane)
    return MADE[lane.name]


@cache
def ring() -> Model:
    return load("ring")


@pytest.fixture
def few(chosen: list[Lane], monkeypatch: pytest.MonkeyPatch) -> list[Lane]:
    """These alone are what the command knows; it makes each of them for the first test only."""
    monkeypatch.setattr(command, "lanes", lambda: chosen)
    monkeypatch.setattr(command, "made", once)
    return chosen


@pytest.fixture(scope="module")
def recorded(chosen: list[Lane], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("golden") / "golden.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "lanes", lambda: chosen)
        patch.setattr(command, "made", once)
        assert command.main(["record", str(file), "--model", "ring"]) == 0
    return file


@pytest.fixture(params=["heun", "ab2"], scope="module")
def made(request: pytest.FixtureRequest) -> Sample:
    spec = LaneSpec(1, 0, request.param, 6, scores=("propagated", "straightness"), watch=(0, 2))
    (sample,) = run(ring(), [spec])
    return sample


def compared(file: Path, *options: str) -> int:
    return command.main(["compare", str(file), "--model", "ring", *options])


def test_a_library_agrees_with_itself(
    recorded: Path,
    few: list[Lane],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Which makes every lane anew."""
    monkeypatch.setattr(command, "made", making.made)
    capsys.readouterr()
    assert compared(recorded, "--confidence") == 0
    n = len(few)
    shown = capsys.readouterr().out
    assert shown == (
        f"0 of {n} lanes differ, 0 of {n} recipes differ\n0 of {n} confidences differ\n"
    )


def test_the_last_bit_of_one_number_is_named(
    recorded: Path,
    few: list[Lane],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    victim = next(lane for lane in few if lane.name.startswith("ring drawn") and not lane.edits)

    def nudged(model: Model, lane: Lane) -> Sample:
        sample = once(model, lane)
        if lane is not victim:
            return sample
        data = sample.data.copy()
        data.flat[-1] = np.nextafter(data.flat[-1], np.float32(np.inf))
        return replace(sample, data=data)

    monkeypatch.setattr(command, "made", nudged)
    assert compared(recorded) == 1
    shown = capsys.readouterr().out
    assert f"{victim.name}\n    data\n" in shown
    assert f"1 of {len(few)} lanes differ, 0 of {len(few)} recipes differ" in shown


def test_a_changed_recipe_is_counted_apart(
    recorded: Path,
    few: list[Lane],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(making, "dump", lambda spec: dump(spec) + b" ")
    monkeypatch.setattr(making, "parse", lambda data: LaneSpec(0, 0))
    assert compared(recorded) == 1
    n = len(few)
    assert f"0 of {n} lanes differ, {n} of {n} recipes differ" in capsys.readouterr().out


def test_confidence_counts_when_it_is_told_to(
    recorded: Path,
    few: list[Lane],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def surer(model: Model, lane: Lane) -> Sample:
        return replace(once(model, lane), confidence=2.0)

    monkeypatch.setattr(command, "made", surer)
    assert compared(recorded) == 0
    n = len(few)
    shown = capsys.readouterr().out
    assert f"0 of {n} lanes differ, 0 of {n} recipes differ\n" in shown
    assert f"{n} of {n} confidences differ (not counted)\n" in shown
    assert compared(recorded, "--confidence") == 1


def test_what_is_missing_or_cannot_be_made_differs(
    recorded: Path,
    few: list[Lane],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lost, broken, *others = few
    unknown = replace(lost, name="ring drawn: of late")

    def failing(model: Model, lane: Lane) -> Sample:
        if lane is broken:
            raise ZeroDivisionError("nothing left")
        return once(model, lane)

    monkeypatch.setattr(command, "made", failing)
    monkeypatch.setattr(command, "lanes", lambda: [broken, *others, unknown])
    assert compared(recorded) == 1
    shown = capsys.readouterr().out
    assert f"{lost.name}\n    recipe, missing\n" in shown
    assert f"{broken.name}\n    recipe, ZeroDivisionError: nothing left\n" in shown
    assert f"{unknown.name}\n    recipe, not recorded\n" in shown
    n = len(few) + 1
    assert f"3 of {n} lanes differ, 3 of {n} recipes differ" in shown


def test_other_kernels_are_refused_unless_forced(
    recorded: Path, few: list[Lane], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads(recorded.read_text())
    record["kernels"]["torch"] = "1.0"
    record["kernels"]["MKL_CBWR"] = "COMPATIBLE"
    foreign = tmp_path / "foreign.json"
    foreign.write_text(json.dumps(record))
    assert compared(foreign) == 2
    shown = capsys.readouterr().out
    assert "torch: recorded '1.0'" in shown
    assert "MKL_CBWR: recorded 'COMPATIBLE'" in shown
    assert compared(foreign, "--force") == 0


CHANGED: dict[str, Callable[[Sample], dict[str, object]]] = {
    "data": lambda sample: {"data": sample.data + 1},
    "map": lambda sample: {"map": sample.map.reshape(1, -1)},
    "t": lambda sample: {"t": sample.t[:-1]},
    "rate": lambda sample: {"rate": sample.rate.astype(np.float64)},
    "start": lambda sample: {"start": None},
    "scores.straightness": lambda sample: {"scores": sample.scores | {"straightness": 0.0}},
    "scores.new": lambda sample: {"scores": sample.scores | {"new": 0.0}},
    "commit": lambda sample: {"commit": replace(sample.commit, step=99)},
    "finish_reason": lambda sample: {"finish_reason": "halted"},
    "evaluations": lambda sample: {"evaluations": sample.evaluations + 1},
    "tolerance": lambda sample: {"tolerance": 0.5},
    "abandoned_at": lambda sample: {"abandoned_at": 0.5},
    "inversion_error": lambda sample: {"inversion_error": 0.5},
    "confidence_holds": lambda sample: {"confidence_holds": None},
    "views": lambda sample: {"views": (sample.views[0], replace(sample.views[1], rate=0.0))},
    "recipe": lambda sample: {"spec": replace(sample.spec, index=5)},
}


@pytest.mark.parametrize("part", CHANGED)
def test_each_part_has_its_own_digest(made: Sample, part: str) -> None:
    before = making.digests(made)
    after = making.digests(replace(made, **CHANGED[part](made)))
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} == {part}


def test_frames_are_not_hashed_and_numbers_are_what_they_are(made: Sample) -> None:
    (kept,) = run(ring(), [replace(made.spec, keep="all")])
    assert kept.frames
    assert making.digests(kept) == making.digests(replace(kept, frames=()))
    as_numpy = replace(made, uncertainty=np.float64(made.uncertainty))
    assert making.digests(as_numpy) == making.digests(made)


def test_distinct_values_have_distinct_bytes() -> None:
    values = [None, True, 1, 1.0, -0.0, 0.0, float("nan"), "1", b"x", [1, 1], [[1], 1], [1]]
    values += [np.zeros(2, np.float32), np.zeros((2, 1), np.float32), np.zeros(1, np.float64)]
    assert len({making.plain(value) for value in values}) == len(values)
    with pytest.raises(TypeError, match="no digest of a dict"):
        making.plain({})


def test_lanes_are_some_two_hundred_of_distinct_names_and_seeds(listed: list[Lane]) -> None:
    assert 180 <= len(listed) <= 260
    assert len({lane.name for lane in listed}) == len({lane.seed for lane in listed}) == len(listed)
    assert all(lane.name.startswith(f"{lane.model} ") for lane in listed)


def test_no_solver_or_score_or_model_is_left_out(listed: list[Lane]) -> None:
    fields = [lane.fields for lane in listed]
    assert {lane.model for lane in listed} == set(MODELS)
    assert {(f["method"], f.get("tolerance") is not None) for f in fields} == {
        *((method, False) for method in METHODS),
        *((method, True) for method in ADAPTIVE),
    }
    drawn = [f for f in fields if f.get("scores")]
    assert {(f["method"], f["scores"][0]) for f in drawn} == {*product(METHODS, SCORES)}
    assert {f.get("parallel", 0) for f in fields} == {0, 3, 16}
    assert any(lane.given and lane.edits for lane in listed)


def test_early_lanes_are_abandoned_and_watched_ones_seen(listed: list[Lane]) -> None:
    def of(sort: str) -> Iterator[Sample]:
        return (once(ring(), one) for one in listed if one.name.startswith(f"ring {sort}"))

    assert "abandoned" in {sample.finish_reason for sample in of("abandoned")}
    assert all(sample.views for sample in of("seen"))


def test_pairs_are_all_held_by_few() -> None:
    factors = dict.fromkeys("abcd", ("0", "1", "2"))

    def possible(choice: Choice) -> bool:
        return not (choice["a"] == "0" and choice["b"] == "0")

    taken = covering(factors, possible)
    covered = {pair for choice in taken for pair in combinations(choice.items(), 2)}
    every = {pair for chosen in combinations(factors, 2) for pair in _choices(factors, *chosen)} - {
        (("a", "0"), ("b", "0"))
    }
    assert covered == every
    assert all(map(possible, taken))
    # Nine are needed of three values each; the whole product has 81.
    assert 9 <= len(taken) <= 14


def _choices(
    factors: dict[str, tuple[str, ...]], one: str, other: str
) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    for left, right in product(factors[one], factors[other]):
        yield (one, left), (other, right)
