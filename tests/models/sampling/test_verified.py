from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from stubs import Scripted
from torch import Tensor

from sureflow.families.flow.head import velocity
from sureflow.sampling import verified as verified_module
from sureflow.sampling.evaluator import Evaluator
from sureflow.sampling.verified import MOST_FILES, VerifiedSizes, best_rows

SIZES = (1, 2, 4, 8, 16)
KEY = {"version": "sha256:0", "device": "cpu"}
CPU = torch.device("cpu")


class Counting:
    """A head that counts its rows; beyond ``odd`` rows in a block its last bits are others."""

    def __init__(self, factor: float = 1.0, odd: int = 1 << 30) -> None:
        self.rows = 0
        self._factor, self._odd = factor, odd
        network = Scripted(lambda x, t, label: x.sin() * factor)
        self.example = velocity(network, {}).example
        self._head = velocity(network, {}).evaluate

    def __call__(self, **inputs: Tensor) -> Mapping[str, Tensor]:
        self.rows += len(inputs["x"])
        answers = dict(self._head(**inputs))
        if len(inputs["x"]) > self._odd:
            answers["velocity"] = answers["velocity"].nextafter(torch.tensor(9.0))
        return answers

    def costs(self, folder: Path, key: Mapping[str, Any] = KEY) -> dict[int, float]:
        """Those of this head, and no rows counted before."""
        self.rows = 0
        return VerifiedSizes(folder, key).costs("velocity", self, self.example, SIZES, CPU)


@pytest.fixture(autouse=True)
def _alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The best block, by which it is decided what is looked at, does not hang on a clock."""
    monkeypatch.setattr(verified_module, "best_rows", lambda costs: sorted(costs)[-2])


def only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_the_smallest_block_near_the_lowest_cost_per_row_is_best() -> None:
    assert best_rows({1: 2.0, 4: 5.0, 8: 8.3, 16: 16.0, 32: 33.0}) == 8
    assert best_rows({4: 1.0, 8: 1.1, 64: 1.2}) == 64


def test_another_process_takes_a_look_and_no_more(tmp_path: Path) -> None:
    head = Counting()
    first = head.costs(tmp_path)
    whole = head.rows
    assert head.costs(tmp_path) == first
    assert tuple(first) == SIZES
    assert head.rows == 8 + sum(size for size in SIZES if size <= 8) < whole / 2


@pytest.mark.parametrize("key", [{"version": "sha256:1"}, {**KEY, "device": "cuda"}])
def test_another_model_or_machine_is_verified_in_full(key: dict[str, Any], tmp_path: Path) -> None:
    head = Counting()
    head.costs(tmp_path)
    whole = head.rows
    head.costs(tmp_path, key)
    assert head.rows >= whole
    assert len([*tmp_path.iterdir()]) == 2


def test_a_head_that_has_changed_is_verified_anew(tmp_path: Path, caplog) -> None:
    """Such as a network of a plug-in, whose code is not part of the version."""
    Counting().costs(tmp_path)
    assert tuple(Counting(odd=4).costs(tmp_path)) == (1, 2, 4)
    assert "verified anew" in caplog.text
    caplog.clear()
    assert tuple(Counting(factor=2).costs(tmp_path)) == SIZES
    assert "verified anew" in caplog.text


def test_sizes_that_do_not_agree_are_not_believed(tmp_path: Path) -> None:
    """Whoever writes them into the file changes no bits."""
    head = Counting(odd=4)
    expected = tuple(head.costs(tmp_path))
    file = only_file(tmp_path)
    data = json.loads(file.read_text())
    (entry,) = data["heads"].values()
    entry["costs"] |= {"8": 0.1, "16": 0.1}
    file.write_text(json.dumps(data))
    assert tuple(head.costs(tmp_path)) == expected == (1, 2, 4)


def garbled(file: Path) -> None:
    file.write_text(file.read_text()[:-9])


def never_ends(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def negative(file: Path) -> None:
    file.write_text(file.read_text().replace('"costs":{"1":', '"costs":{"1":-'))


def without_sizes(file: Path) -> None:
    data = json.loads(file.read_text())
    (entry,) = data["heads"].values()
    entry["costs"] = {}
    file.write_text(json.dumps(data))


def of_another(file: Path) -> None:
    file.write_text(file.read_text().replace("sha256:0", "sha256:9"))


@pytest.mark.parametrize("damage", [garbled, never_ends, negative, without_sizes, of_another])
def test_a_damaged_file_is_ignored_with_one_line(damage, tmp_path: Path, caplog) -> None:
    head = Counting()
    head.costs(tmp_path)
    whole = head.rows
    damage(only_file(tmp_path))
    assert tuple(head.costs(tmp_path)) == SIZES
    assert head.rows >= whole
    (record,) = caplog.records
    assert "ignored" in record.message
    head.costs(tmp_path)
    assert head.rows < whole / 2, "and it is written anew"


def test_without_a_place_to_write_all_are_verified(tmp_path: Path, caplog) -> None:
    (tmp_path / "file").touch()
    assert tuple(Counting().costs(tmp_path / "file" / "folder")) == SIZES
    assert any("not written" in record.message for record in caplog.records)


def test_the_oldest_files_go(tmp_path: Path) -> None:
    head = Counting()
    for number in range(MOST_FILES + 3):
        (tmp_path / f"{number}.json").touch()
    head.costs(tmp_path)
    assert len([*tmp_path.iterdir()]) == MOST_FILES
    whole = head.rows
    head.costs(tmp_path)
    assert head.rows < whole / 2, "the newest one stays"


def test_blocks_that_were_not_looked_at_are_not_used(tmp_path: Path) -> None:
    head, known = Counting(), VerifiedSizes(tmp_path, KEY)

    def costs(*asked: Any) -> dict[int, float]:
        return known.costs("velocity", *asked)

    for _ in range(2):
        evaluate = Evaluator(head, head.example, CPU, SIZES, costs)
        assert max(evaluate.sizes) == evaluate.best_rows
