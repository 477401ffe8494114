"""From lists of SMILES to training data."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from sureflow.training.molecules.__main__ import main
from sureflow.training.molecules.sequences import chosen, codes_of, read_smiles

TEXTS = ["CCO", "CC(=O)O", "c1ccccc1"]


@pytest.fixture(params=["train.csv", "train.csv.gz"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A list as MOSES has it, with a title and a further column."""
    path: Path = tmp_path / request.param
    text = "SMILES,SPLIT\n" + "".join(f"{each},train\n" for each in TEXTS)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_a_list_is_read(file: Path) -> None:
    assert read_smiles(file) == TEXTS


def test_those_that_are_short_enough_are_chosen() -> None:
    assert sorted(chosen(TEXTS, 5, 7, 0)) == sorted(TEXTS[:2])
    assert len(chosen(TEXTS, 2, 8, 0)) == 2


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 4 characters"):
        codes_of(TEXTS, 4)


def test_the_command_writes_what_is_trained_on(file: Path, tmp_path: Path) -> None:
    pytest.importorskip("rdkit", reason="needs the extra molecules")
    main([str(tmp_path / "out.safetensors"), "--file", str(file), "--length", "7"])
    found = load_file(tmp_path / "out.safetensors")
    assert found["samples"].shape == (2, 7)
    texts = {"".join(chr(int(code)) for code in row if code) for row in found["samples"]}
    assert texts == {*TEXTS[:2]}
    assert found["conditions.logp"].shape == (2, 1)
    assert found["conditions.logp"].max() == pytest.approx(0.091, abs=0.01)
