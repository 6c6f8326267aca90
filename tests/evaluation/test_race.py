"""What a race says: intervals by hand, paired differences, order, and the verdict's words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from wechsel_core.evaluation.race import Curve, area, at_step, difference, interval, summary, verdict

LABELS = {"wechsel": "WECHSEL", "mean": "Mean", "normal": "Normal", "random": "From scratch"}


def curve(entry: str, seed: int, bits: Sequence[float], steps: Sequence[int] = (0, 10, 20)) -> Curve:
    """A curve whose losses are its bits at one byte a token."""
    values = np.array(bits, dtype=np.float64)
    return Curve(entry, seed, np.array(steps, dtype=np.float64), values * math.log(2), values)


def test_interval_of_three_values() -> None:
    """1, 2, 3: deviation 1, t of 2 degrees at 97.5% is 4.302653, so the half width is 4.302653 / sqrt(3)."""
    found = interval([1.0, 2.0, 3.0])
    half = 4.302652729911275 / math.sqrt(3)
    assert (found.mean, found.n) == (2.0, 3)
    assert found.low == pytest.approx(2 - half) and found.high == pytest.approx(2 + half)


def test_one_value_has_no_interval_and_equal_ones_a_closed_one() -> None:
    assert interval([2.5]).low is None and interval([2.5]).high is None
    same = interval([2.5, 2.5, 2.5])
    assert same.low == same.high == 2.5


def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = [
        found.low <= 1.0 <= found.high  # type: ignore[operator]
        for found in (interval(rng.normal(1.0, 0.3, 3).tolist()) for _ in range(2000))
    ]
    assert 0.935 < np.mean(held) < 0.965


def test_area_and_scores_between_steps() -> None:
    """3 to 1 over 10 steps, then level: the area is 20 + 10 over 20 steps, 1.5 a step."""
    one = curve("mean", 0, [3.0, 1.0, 1.0])
    assert area(one) == pytest.approx(1.5)
    assert at_step(one, 5) == pytest.approx(2.0) and at_step(one, 20) == 1.0
    assert area(curve("mean", 0, [3.0], [0])) == 3.0


def test_summary_goes_by_the_end_and_measures_effort_against_scratch() -> None:
    """Scratch first reaches 2 at step 20; WECHSEL, from 3 to 1 in 10 steps, is at 2 after 5: four times fewer."""
    found = summary([curve("random", 0, [4, 3, 2]), curve("wechsel", 0, [3, 1, 0.9]), curve("mean", 0, [4, 3.5, 3])])
    assert [record["entry"] for record in found] == ["wechsel", "random", "mean"]
    effort = found[0]["effort"]
    assert effort.median.value == pytest.approx(4.0) and effort.median.relation == "="
    assert found[1]["effort"] is None
    assert found[2]["effort"].median.relation == "<="  # it never gets there
    assert found[0]["at"][0.5].mean == 1.0 and found[0]["start"].mean == 3.0


def test_a_run_that_was_cut_short_does_not_count() -> None:
    found = summary([curve("mean", 0, [3, 2, 1]), curve("mean", 1, [3, 2], [0, 10])])
    assert found[0]["seeds"] == [0]


def test_without_training_the_start_is_all_there_is() -> None:
    found = summary([curve("mean", 0, [3.0], [0]), curve("wechsel", 0, [2.0], [0]), curve("random", 0, [4.0], [0])])
    assert [record["entry"] for record in found] == ["wechsel", "mean", "random"]
    assert found[0]["at"] == {} and found[0]["area"] is None and found[0]["effort"] is None


@pytest.mark.parametrize(
    "others,relation",
    [
        ((2.0, 2.1, 2.2), "noise"),  # level on average
        ((2.5, 2.6, 2.72), "worse"),  # half a bit above at every seed
        ((1.5, 1.6, 1.72), "better"),
    ],
)
def test_pairing_takes_out_what_a_seed_does_to_both(others: tuple[float, ...], relation: str) -> None:
    """The seeds are a tenth apart, far more than the differences vary: unpaired intervals would overlap."""
    own = [curve("wechsel", seed, [3, 2.5, bits]) for seed, bits in enumerate((2.01, 2.1, 2.19))]
    runs = own + [curve("mean", seed, [3, 2.5, bits]) for seed, bits in enumerate(others)]
    records = {record["entry"]: record for record in summary(runs)}
    found = difference(records["mean"], records["wechsel"])
    assert found is not None and found.relation == relation
    assert found.by_seed[0] == pytest.approx(others[0] - 2.01)


def test_no_seed_in_common_is_no_difference_and_one_is_no_proof() -> None:
    records = {r["entry"]: r for r in summary([curve("wechsel", 0, [3, 2, 1]), curve("mean", 1, [3, 2, 2])])}
    assert difference(records["mean"], records["wechsel"]) is None
    records = {r["entry"]: r for r in summary([curve("wechsel", 0, [3, 2, 1]), curve("mean", 0, [3, 2, 2])])}
    found = difference(records["mean"], records["wechsel"])
    assert found is not None and found.relation == "unknown"


def test_verdict_says_when_a_difference_is_noise() -> None:
    runs = [curve("wechsel", seed, [3, 2, 1.0 + 0.01 * seed]) for seed in range(3)]
    runs += [curve("normal", seed, [3, 2, 1.0 + 0.01 * (2 - seed)]) for seed in range(3)]
    runs += [curve("mean", seed, [3, 2.5, 2.0 + 0.01 * seed]) for seed in range(3)]
    words = " ".join(verdict(summary(runs), LABELS))
    assert "cannot be told from it" in words
    assert "Within the noise of WECHSEL: Normal (+0.000) bits per byte." in words
    assert "Worse than WECHSEL beyond the noise: Mean (+1.000) bits per byte." in words


def test_verdict_of_one_seed_makes_no_claim() -> None:
    words = " ".join(verdict(summary([curve("wechsel", 0, [3, 2, 1]), curve("mean", 0, [3, 2, 2])]), LABELS))
    assert "One seed cannot tell noise" in words and "beyond the noise" not in words


def test_verdict_before_any_training_speaks_of_the_start() -> None:
    untrained = [curve("wechsel", 0, [3], (0,)), curve("mean", 0, [2], (0,))]
    assert verdict(summary(untrained), LABELS)[0].startswith("Mean starts lowest, at 2.000 bits per byte.")


def test_verdict_needs_two() -> None:
    assert verdict(summary([curve("wechsel", 0, [3, 2, 1])]), LABELS) == [
        "A race needs two contestants that came to their end."
    ]
