"""Smoothing against TensorBoard's formula in plain loops, means over seeds by hand, alarms that must and must not ring."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wechsel_core.evaluation import curves


def frame(steps: list[int], losses: list[float], kind: str = "eval") -> pd.DataFrame:
    """Rows of one kind; bits a byte are the losses themselves."""
    values = np.array(losses)
    return pd.DataFrame(
        {"kind": kind, "step": steps, "tokens": np.array(steps) * 10, "seconds": np.array(steps) / 2, "loss": values,
         "perplexity": np.exp(np.minimum(values, 700)), "bits_per_byte": values}
    )  # fmt: skip


# --- smoothing ---------------------------------------------------------------------------------------------------


def tensorboard(values: list[float], weight: float) -> list[float]:
    """TensorBoard's debiased moving average, as its line chart has it."""
    last, count, found = 0.0, 0, []
    for value in values:
        if not math.isfinite(value):
            found.append(value)
            continue
        last = last * weight + (1 - weight) * value
        count += 1
        found.append(last / (1.0 if weight == 1 else 1 - weight**count))
    return found


@given(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan) | st.just(math.inf), max_size=40), st.floats(0, 0.999))
def test_smoothing_is_tensorboards(values: list[float], weight: float) -> None:
    np.testing.assert_allclose(curves.smooth(values, weight), tensorboard(values, weight), rtol=1e-9, atol=1e-9)


def test_smoothing_by_hand() -> None:
    # 0.5 * 4 / 0.5 = 4; (0.5 * 2 + 0.5 * 2) / 0.75 = 2.6667: not pulled to the zero that it starts from
    np.testing.assert_allclose(curves.smooth([4, 2], 0.5), [4, 8 / 3])


def test_a_constant_stays_constant() -> None:
    np.testing.assert_allclose(curves.smooth([3.0] * 20, 0.99), 3.0)


def test_weight_zero_changes_nothing() -> None:
    np.testing.assert_array_equal(curves.smooth([1.0, math.nan, 5.0], 0), [1.0, math.nan, 5.0])


@pytest.mark.parametrize("weight", [-0.1, 1.0, math.nan])
def test_weight_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        curves.smooth([1.0], weight)


# --- several seeds -----------------------------------------------------------------------------------------------


def test_mean_and_band_by_hand() -> None:
    merged = curves.over_seeds([frame([0, 10], [5, 3]), frame([0, 10], [7, 4])])
    assert list(merged["step"]) == [0, 10]
    assert list(merged["loss"]) == [6, 3.5]
    assert list(merged["loss_least"]) == [5, 3] and list(merged["loss_most"]) == [7, 4]
    assert list(merged["tokens"]) == [0, 100]
    assert set(merged["seeds"]) == {2}


def test_the_mean_ends_where_a_seed_ends() -> None:
    """Beyond it, a mean over fewer seeds would jump."""
    merged = curves.over_seeds([frame([0, 10, 20], [5, 4, 3]), frame([0, 10], [9, 8])])
    assert list(merged["step"]) == [0, 10]


def test_runs_without_rows_do_not_count() -> None:
    merged = curves.over_seeds([frame([], []), frame([0], [5])])
    assert list(merged["loss"]) == [5] and list(merged["seeds"]) == [1]


def test_nothing_gives_an_empty_table_with_its_columns() -> None:
    merged = curves.over_seeds([])
    assert merged.empty and {"step", "loss", "loss_least", "loss_most", "seeds"} <= set(merged)


def test_a_value_that_is_none_shows_in_the_mean() -> None:
    merged = curves.over_seeds([frame([0, 10], [5, math.nan]), frame([0, 10], [7, 4])])
    assert merged["loss"].isna().tolist() == [False, True]


def test_read_off_at_a_step() -> None:
    assert curves.at_share([0, 10, 20], [8, 6, 2], 15) == 4
    assert curves.at_share([0, 10], [8, math.nan], 0) == 8
    assert math.isnan(curves.at_share([0, 10], [8, 6], 11))
    assert math.isnan(curves.at_share([], [], 0))


def test_how_much_a_curve_still_falls() -> None:
    assert curves.still_falling([0, 90, 100], [9, 4, 3], 100) == pytest.approx(0.25)
    assert math.isnan(curves.still_falling([0, 50], [9, 4], 100))


# --- alarms ------------------------------------------------------------------------------------------------------

READY = {"train_sha256": "a", "held_out_sha256": "b"}


def test_a_sound_run_rings_nothing() -> None:
    assert curves.alarms(frame([0, 10], [2.5, 1.2]), READY, {"stalled": False}, masked=False) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("kind", ["train", "eval"])
def test_a_loss_that_is_no_number(bad: float, kind: str) -> None:
    metrics = pd.concat([frame([0, 10], [2.5, 1.2]), frame([5, 7, 8], [2.0, bad, bad], kind)])
    (alarm,) = curves.alarms(metrics, READY, {}, masked=False)
    assert alarm.kind == "nan" and alarm.step == 7


def test_a_stalled_run() -> None:
    (alarm,) = curves.alarms(frame([0], [2.5]), READY, {"stalled": True, "step": 1234}, masked=False)
    assert alarm.kind == "stall" and "1,234" in alarm.sentence


def test_a_score_below_what_text_allows() -> None:
    metrics = frame([0, 10, 20], [2.5, 0.39, 0.1])
    (alarm,) = curves.alarms(metrics, READY, {}, masked=False)
    assert alarm.kind == "leak" and alarm.step == 10


def test_the_bound_is_one_of_held_out_scores() -> None:
    """A training loss may fall to nothing on a small text read many times: that is no leak."""
    metrics = pd.concat([frame([0], [2.5]), frame([5], [0.01], "train")])
    assert curves.alarms(metrics, READY, {}, masked=False) == []


def test_a_masked_model_sees_both_sides_and_may_go_lower() -> None:
    assert curves.alarms(frame([0, 10], [2.5, 0.39]), READY, {}, masked=True) == []
    assert curves.alarms(frame([0, 10], [2.5, 0.19]), READY, {}, masked=True)[0].kind == "leak"


def test_a_script_of_many_bytes_a_character_has_a_lower_bound() -> None:
    """0.3 bits a byte is 0.9 bits a character where each takes three bytes."""
    counted = READY | {"held_out_bytes": 3000, "held_out_characters": 1000}
    assert curves.alarms(frame([0, 10], [2.5, 0.3]), counted, {}, masked=False) == []
    assert curves.least_bits_per_byte(counted, masked=False) == pytest.approx(0.4 / 3)


def test_held_out_text_that_is_the_training_text() -> None:
    (alarm,) = curves.alarms(frame([0], [2.5]), {"train_sha256": "x", "held_out_sha256": "x"}, {}, masked=False)
    assert alarm.kind == "leak" and alarm.step is None


def test_a_run_without_numbers_rings_nothing() -> None:
    assert curves.alarms(frame([], []), {}, {}, masked=False) == []
