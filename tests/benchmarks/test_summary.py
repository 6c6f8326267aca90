"""Figures out of records, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.report import summary
from benchmarks.summary import Spread, growth, growth_exponent, spread, values, verdicts


def record(
    part: str, case: str, turn: int = 0, inner: dict[str, Any] | None = None, **process: float
) -> dict[str, Any]:
    return {"part": part, "case": case, "turn": turn, "inner": inner or {}, "process": process, "environment": "ours"}


def call(part: str, case: str, seconds: float, peak: float = 1e9, turn: int = 0) -> dict[str, Any]:
    return record(part, case, turn, {"seconds": seconds, "peak_process": peak, "peak_growth": peak / 2})


def met(records: list[dict[str, Any]]) -> dict[str, bool]:
    return {verdict.target: verdict.met for verdict in verdicts(records)}


def test_spread_is_median_and_range() -> None:
    assert spread([3.0, 1.0, 8.0]) == Spread(3.0, 1.0, 8.0, 3)


def test_values_follow_the_keys_over_all_turns() -> None:
    records = [record("b", "x", turn, seconds=seconds) for turn, seconds in enumerate((5.0, 7.0))]
    assert values(records, "b", "x", "process", "seconds") == Spread(6.0, 5.0, 7.0, 2)
    assert values(records, "b", "y", "process", "seconds") is None


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_growth_exponent_of_an_exact_power(power: float) -> None:
    sizes = [10, 20, 80]
    assert growth_exponent(sizes, [3 * size**power for size in sizes]) == pytest.approx(power)


def test_growth_goes_by_number_not_by_name() -> None:
    records = [record("e", f"ours {size}", inner={"seconds": 1.0, "extra_bytes": 5}) for size in (16384, 8192, 131072)]
    assert [size for size, _, _ in growth(records)] == [8192, 16384, 131072]


def test_single_call_is_judged_against_shipped_and_floor() -> None:
    records = [call("a", "reference float64", 30.0, 2e9), call("a", "ours", 12.0, 1e9), call("d", "numpy", 10.0)]
    found = met(records)
    assert found["at least 2.5 times as fast as shipped (50 candidates kept)"]
    assert found["peak memory at most half (50 candidates kept)"]
    assert found["at most 1.4 times the sgemm floor (50 candidates kept)"]
    found = met([*records, call("a", "ours", 20.0, 3e9, turn=1)])
    assert not any(found.values())


def test_equality_fails_on_one_wrong_token() -> None:
    inner = {"wrong_neighbors": 1, "matrix_difference": 1e-7, "matrix_difference_at_ties": 2e-5}
    assert list(met([record("a", "comparison", inner=inner)]).values()) == [False, False]


def test_whole_job_is_judged_by_the_whole_process() -> None:
    records = [record("b", "ours gpt2", seconds=10, peak=1e9), record("b", "reference gpt2", seconds=31, peak=4e9)]
    assert list(met(records).values()) == [True, False]


def test_growth_is_judged_by_exponent_and_by_the_largest_extra() -> None:
    records = [
        record("e", f"ours {size}", inner={"seconds": size**2, "extra_bytes": 100e6}) for size in (1000, 2000, 4000)
    ]
    assert list(met(records).values()) == [True, True]
    records[1]["inner"]["extra_bytes"] = 301e6
    records[2]["inner"]["seconds"] *= 2
    assert list(met(records).values()) == [False, False]


def test_summary_of_a_part_alone_leaves_the_others_out() -> None:
    text = summary({"records": [call("d", "numpy", 1.5)]})
    assert "1.50" in text and "Growth" not in text and "init" not in text
