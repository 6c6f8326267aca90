"""Effort ratios worked out by hand, bounds where an arm starts below or never arrives, refusals that name the fields."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wechsel_core.errors import InputError
from wechsel_core.evaluation import effort
from wechsel_core.evaluation.effort import Bounded, Recorded, SeedCurve


def made(arm: str, losses: list[float], seed: int = 0, every: int = 10, budget: int | None = None) -> SeedCurve:
    steps = np.arange(len(losses), dtype=float) * every
    return SeedCurve(f"{arm}-{seed}", arm, seed, steps, np.array(losses), budget or int(steps[-1]))


RANDOM = made("random", [9, 6, 5, 4.5, 4.0])


def test_first_reach_is_linear_between_scores() -> None:
    assert effort.first_reach([0, 10, 20], [8, 6, 2], 4) == 15
    assert effort.first_reach([0, 10, 20], [8, 6, 2], 6) == 10
    assert effort.first_reach([0, 10], [3, 2], 5) == 0
    assert effort.first_reach([0, 10], [8, 6], 5) is None


def test_first_reach_takes_the_first_of_several() -> None:
    assert effort.first_reach([0, 10, 20, 30], [8, 4, 9, 1], 4) == 10


def test_first_reach_steps_over_what_is_no_number() -> None:
    assert effort.first_reach([0, 10, 20], [8, math.nan, 4], 6) == 10


def test_ratio_by_hand() -> None:
    # L = 4.0 at step 40; the arm falls from 5 to 3 between 10 and 20 and is at 4 in the middle
    found = effort.effort([RANDOM], [made("wechsel", [7, 5, 3, 2, 2])])
    assert found is not None
    assert found.seeds[0].level == 4.0 and found.seeds[0].random_steps == 40 and found.seeds[0].arm_steps == 15
    assert found.median == Bounded(40 / 15, "=")
    assert not found.preliminary


def test_random_against_itself_is_one() -> None:
    found = effort.effort([RANDOM], [made("random", [9, 6, 5, 4.5, 4.0])])
    assert found is not None and found.median == Bounded(1.0, "=")


def test_an_arm_below_the_level_from_the_start_has_a_lower_bound() -> None:
    found = effort.effort([RANDOM], [made("wechsel", [3.9, 3, 2, 2, 2])])
    assert found is not None
    assert found.median == Bounded(40 / 10, ">=") and found.seeds[0].arm_steps == 0


def test_an_arm_that_never_arrives_has_an_upper_bound() -> None:
    shorter = made("random", [9, 5, 4, 4.5, 4.2])
    found = effort.effort([shorter], [made("permuted", [9, 8, 7, 6, 5])])
    assert found is not None
    # Random needed 20 of 40 steps, the arm more than all of them
    assert found.median == Bounded(0.5, "<=") and found.seeds[0].arm_steps is None


def test_band_over_seeds() -> None:
    random = [made("random", [9, 6, 5, 4.5, 4.0], seed) for seed in range(3)]
    arms = [
        made("wechsel", [9, 4.0, 3, 3, 3], 0),
        made("wechsel", [9, 8, 4.0, 3, 3], 1),
        made("wechsel", [9, 8, 7, 6, 4.0], 2),
    ]
    found = effort.effort(random, arms)
    assert found is not None
    assert (found.least, found.median, found.most) == (Bounded(1, "="), Bounded(2, "="), Bounded(4, "="))


def test_bounds_of_a_band_are_told_where_they_matter() -> None:
    random = [made("random", [9, 6, 5, 4.5, 4.0], seed) for seed in range(3)]
    arms = [
        made("wechsel", [3, 3, 3, 3, 3], 0),
        made("wechsel", [9, 8, 4.0, 3, 3], 1),
        made("wechsel", [9, 8, 7, 6, 4.0], 2),
    ]
    found = effort.effort(random, arms)
    assert found is not None
    # The seed that is bounded is the largest: the middle and the least do not depend on it
    assert (found.least, found.median, found.most) == (Bounded(1, "="), Bounded(2, "="), Bounded(4, ">="))


def test_bounds_on_both_sides_say_nothing_about_the_middle() -> None:
    random = [made("random", [9, 6, 5, 4.5, 4.0], seed) for seed in range(2)]
    found = effort.effort(random, [made("wechsel", [3, 3, 3, 3, 3], 0), made("wechsel", [9, 9, 9, 9, 9], 1)])
    assert found is not None and found.median.relation == "?"
    assert found.least == Bounded(1.0, "<=") and found.most == Bounded(4.0, ">=")


def test_only_seeds_of_both_arms_count() -> None:
    found = effort.effort([RANDOM], [made("wechsel", [9, 4, 3, 3, 3], 0), made("wechsel", [9, 9, 9, 9, 9], 1)])
    assert found is not None and [seed.seed for seed in found.seeds] == [0]
    assert effort.effort([RANDOM], [made("wechsel", [9, 4], 7)]) is None
    assert effort.effort([], [made("wechsel", [9, 4], 0)]) is None


def test_a_run_short_of_its_budget_makes_it_preliminary() -> None:
    found = effort.effort([made("random", [9, 6, 5], budget=400)], [made("wechsel", [8, 5, 4], budget=400)])
    assert found is not None and found.preliminary


def test_a_random_arm_that_never_learns_has_no_level() -> None:
    assert effort.effort([made("random", [5, 6, 7])], [made("wechsel", [4, 3, 2])]) is None
    assert effort.effort([made("random", [math.nan] * 3)], [made("wechsel", [4, 3, 2])]) is None


@given(st.lists(st.floats(0.5, 10), min_size=3, max_size=20), st.lists(st.floats(0.5, 10), min_size=3, max_size=20))
def test_ratio_is_above_zero_and_finite(random: list[float], arm: list[float]) -> None:
    found = effort.effort([made("random", random)], [made("wechsel", arm)])
    if found is not None:
        assert 0 < found.least.value <= found.median.value <= found.most.value < math.inf


# --- refusals ----------------------------------------------------------------------------------------------------

FIELDS = {"batch_size": 16, "held_out_sha256": "b" * 64, "initialisation": "rows", "frozen_steps": 0}


def test_equal_hashes_pass() -> None:
    effort.check_comparable([Recorded("a", "h", FIELDS), Recorded("b", "h", FIELDS | {"initialisation": "other"})])
    effort.check_comparable([])


def test_unequal_hashes_are_refused_with_the_fields() -> None:
    other = FIELDS | {"batch_size": 8, "held_out_sha256": "d" * 64, "initialisation": "other", "frozen_steps": 10}
    with pytest.raises(InputError, match=r"a and b differ in batch_size \(16, 8\), held_out_sha256") as caught:
        effort.check_comparable([Recorded("a", "h", FIELDS), Recorded("b", "i", other)])
    assert "initialisation (" not in str(caught.value) and "frozen_steps" not in str(caught.value)


def test_a_missing_field_counts_as_different() -> None:
    with pytest.raises(InputError, match=r"held_out_sha256 \(b+…, None\)"):
        effort.check_comparable([Recorded("a", "h", FIELDS), Recorded("b", "i", {"batch_size": 16})])
