"""Networks of sequences: what they take, and what their answers depend on."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sureflow.families.tokens.engine import built
from sureflow.networks.sequence_network import UNKNOWN
from sureflow.networks.sequence_table import SequenceTable
from sureflow.networks.sequence_transformer import SequenceTransformer

SMALL: dict[str, Any] = {"alphabet": "ba", "length": 4, "width": 8, "layers": 2, "heads": 2}
CONDITIONS = {"size": {"mean": 1.0, "deviation": 2.0}}


def test_characters_are_tokens_and_back() -> None:
    network = SequenceTransformer(**SMALL)
    written = torch.tensor([[ord("a"), ord("b"), 0.0, 0.0]])
    tokens = network.tokens(written)
    assert tokens.tolist() == [[2, 1, 0, 0]]
    assert torch.equal(network.codes(tokens), written)
    assert network.codes(torch.tensor([network.mask])).tolist() == [UNKNOWN]
    with pytest.raises(ValueError, match="'c' is not in the alphabet 'ba'"):
        network.tokens(torch.tensor([float(ord("c"))]))


def test_a_masked_token_is_predicted_by_both_sides_and_its_place() -> None:
    torch.manual_seed(0)
    network = SequenceTransformer(**SMALL).eval()
    masked = torch.full((1, 4), network.mask)
    alone = network(masked)[0]
    assert not torch.allclose(alone[0], alone[1])
    for place in (0, 3):
        known = masked.clone()
        known[0, place] = 1
        assert not torch.allclose(network(known)[0, 1], alone[1])


def test_a_null_condition_is_no_condition() -> None:
    torch.manual_seed(0)
    network = SequenceTransformer(**SMALL, conditions=CONDITIONS).eval()
    tokens = torch.tensor([[1, network.mask, 0, 0]])
    plain = network(tokens)
    null = torch.tensor([[network.conditions["size"].null]])
    assert torch.equal(network(tokens, size=null), plain)
    assert not torch.allclose(network(tokens, size=torch.tensor([[3.0]])), plain)


def test_a_table_knows_the_posterior() -> None:
    table = SequenceTable("ab", ["ab", "a", "bb"], [2.0, 1.0, 1.0])
    tokens = torch.tensor([[table.mask, table.mask], [1, table.mask], [table.mask, 2]])
    found = table(tokens).softmax(-1)
    expected = [
        [[0, 0.75, 0.25], [0.25, 0, 0.75]],
        [[0, 1, 0], [1 / 3, 0, 2 / 3]],
        [[0, 2 / 3, 1 / 3], [0, 0, 1]],
    ]
    torch.testing.assert_close(found, torch.tensor(expected))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"alphabet": ""}, "alphabet"),
        ({"alphabet": "aa"}, "alphabet"),
        ({"alphabet": "a\n"}, "alphabet"),
        ({"length": 0}, "length"),
        ({"width": 7}, "heads"),
        ({"width": 0}, "width"),
        ({"layers": 1 << 20}, "layers"),
        ({"conditions": {"size": {"mean": 0, "deviation": 0}}}, "conditions"),
        ({"colour": 1}, "network"),
        ({"kind": "unet"}, r"network\.kind"),
    ],
    ids=str,
)
def test_what_is_no_network_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        built({"kind": "sequence_transformer", **SMALL, **change})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sequences": []}, "sequences"),
        ({"sequences": ["a", "a"]}, "sequences"),
        ({"weights": [1.0]}, "weights"),
        ({"weights": [1.0, 0.0]}, "weights"),
        ({"length": 1}, "length"),
    ],
    ids=str,
)
def test_what_is_no_table_is_named(change: dict[str, Any], field: str) -> None:
    given = {"alphabet": "ab", "sequences": ["a", "ab"], "weights": [1.0, 2.0], **change}
    with pytest.raises(ValueError, match=f"^{field}: "):
        SequenceTable(**given)
