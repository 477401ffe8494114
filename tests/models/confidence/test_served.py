"""Bad samples among those that were served, the others counting as good."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.confidence.anytime import evidence_above
from sureflow.confidence.certificate import DELTA, Conformal, certify
from sureflow.confidence.contradiction import Contradiction
from sureflow.confidence.served import HUNDREDTHS, BadSample, against, hundredth

RATE = 0.1


@pytest.fixture(scope="module")
def certificate() -> Conformal:
    """Of two strata, in both of which a tenth is bad, whatever the confidence."""
    random = np.random.default_rng(0)
    confidence, bad = random.random(2000), random.random(2000) < 0.06
    return certify(confidence, bad, {"score": "s"}, strata=["a", "b"] * 1000)


def serve(
    certificate: Conformal, rates: dict[str, float], told: float, seed: int, served: int = 1500
) -> list[float]:
    """The evidence after every complaint, where a share ``told`` of what is bad is told of."""
    random = np.random.default_rng(seed)
    counts = {name: np.zeros(HUNDREDTHS, int) for name in rates}
    found, evidence = list[BadSample](), [1.0]
    for number in range(served):
        name = [*rates][number % len(rates)]
        confidence = float(random.random())
        counts[name][hundredth(confidence)] += 1
        if random.random() < rates[name] and random.random() < told:
            found.append(BadSample(f"{number}", name, confidence, tuple(counts[name])))
            evidence.append(against(certificate, found).evidence)
    return evidence


def highest(certificate: Conformal) -> float:
    """The worst rate of which all bounds hold."""
    told = certificate.stratified
    assert told is not None
    return float(min(told.tested(name)[1].min() for name in told.strata))


def test_a_certificate_that_holds_is_contradicted_in_a_tenth_of_cases_at_most(
    certificate: Conformal,
) -> None:
    rate = highest(certificate)
    alarms = [
        max(serve(certificate, {"a": rate, "b": rate}, 1.0, seed, 400)) >= 1 / DELTA
        for seed in range(100)
    ]
    assert np.mean(alarms) <= DELTA  # far less, since thresholds and strata share the risk


def test_one_that_does_not_is_found_by_complaints_alone(certificate: Conformal) -> None:
    """A third of what is bad is never told of, and nothing that is good is ever judged."""
    rate = 4 * highest(certificate)
    found = serve(certificate, {"a": 0.02, "b": rate}, 2 / 3, 1)
    assert max(found) > 100
    assert max(serve(certificate, {"a": 0.02, "b": 0.02}, 1.0, 1)) == 1


def test_the_order_of_the_verdicts_does_not_matter_and_later_ones_take_nothing_away(
    certificate: Conformal,
) -> None:
    counts = np.zeros(HUNDREDTHS, int)
    bad = []
    for number in range(12):
        counts[90] += 1
        bad.append(BadSample(f"{number}", "a", 0.905, tuple(counts)))
    before = against(certificate, bad)
    assert before.evidence > 1 / DELTA
    assert (before.stratum, before.bad, before.count, before.served) == ("a", 12, 12, True)
    assert against(certificate, bad[::-1]) == before
    assert against(certificate, [*bad, *bad]) == before  # two reviewers of the same samples
    counts[90] += 10_000
    late = BadSample("late", "a", 0.905, tuple(counts))
    assert against(certificate, [*bad, late]) == before
    assert against(certificate, bad[:-4]).evidence < before.evidence


def test_it_is_the_mean_over_the_thresholds_by_definition(certificate: Conformal) -> None:
    counts = np.arange(HUNDREDTHS)
    one = BadSample("x", "b", 0.31, tuple(counts))
    two = BadSample("y", "b", 0.99, tuple(counts + 1))
    told = certificate.stratified
    assert told is not None
    by_hand = []
    for served, bad in ((counts, [one]), (counts + 1, [one, two])):
        terms = []
        for level, bound in zip(*told.tested("b"), strict=True):
            if bound < 1:
                reached = np.array([sum(each.confidence >= level for each in bad)])
                count = np.array([served[round(100 * level) :].sum()])
                terms.append(np.exp(evidence_above(reached, count, np.array([bound]))[0]))
        by_hand.append(np.mean(terms) / 2)
    assert against(certificate, [two, one]).evidence == pytest.approx(max(1.0, *by_hand))


def test_nothing_is_said_of_what_it_does_not_tell_apart(certificate: Conformal) -> None:
    bad = [BadSample(f"{n}", "c", 0.9, (n + 1,) * HUNDREDTHS) for n in range(50)]
    assert against(certificate, bad) == Contradiction()
    plain = Conformal(np.array([0.5]), np.array([0.01]), {"score": "s", "delta": 0.1})
    assert against(plain, bad) == Contradiction()


@pytest.mark.parametrize("k", range(HUNDREDTHS))
def test_a_hundredth_reaches_itself(k: int) -> None:
    assert hundredth(k / 100) == k
    if k:
        assert hundredth(float(np.nextafter(k / 100, -1))) == k - 1
