"""What is held out has been seen, element by element."""

from __future__ import annotations

from collections import Counter

import pytest

from sureflow.training.crystals.composition import Composition
from sureflow.training.crystals.held_out import ELSEWHERE, SHARE, held_out


def compositions() -> list[Composition]:
    pairs = [(a, b) for a in "ABCDEFGHIJ" for b in "KLMNOP"]
    found = [Composition(a + b, "AB", (a, b)) for a, b in pairs]
    found += [Composition(f"{a}{b}2", "AB2", (a, b)) for a, b in pairs[::2]]
    found.append(Composition("QR", "AB", ("Q", "R")))
    return found + [Composition(name, "A", (name,)) for name in "ABCDEFGHIJKLMNOPQR"]


def test_a_fifth_of_each_kind_is_held_out() -> None:
    kept = held_out(compositions(), 0)
    kinds = Counter(one.kind for one in compositions() if one.formula in kept)
    of = Counter(one.kind for one in compositions())
    assert kinds == {kind: round(SHARE * of[kind]) for kind in ("AB", "AB2")}


@pytest.mark.parametrize("seed", range(5))
def test_every_element_is_seen_elsewhere(seed: int) -> None:
    kept = held_out(compositions(), seed)
    assert "QR" not in kept
    left = [one for one in compositions() if one.kind != "A" and one.formula not in kept]
    seen = Counter(name for one in left for name in one.elements)
    held = [one for one in compositions() if one.formula in kept]
    assert all(seen[name] >= ELSEWHERE for one in held for name in one.elements)


def test_the_seed_says_which() -> None:
    assert held_out(compositions(), 1) == held_out(compositions(), 1)
    assert held_out(compositions(), 1) != held_out(compositions(), 2)
