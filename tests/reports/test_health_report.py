"""The health report: hand-computed findings, thresholds at their limits, old and damaged records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.pages.tiny_result import write_tiny_result
from wechsel_core.config import InitConfig
from wechsel_core.errors import OutputError
from wechsel_core.reports.alignment_findings import alignment_section, dictionary_section
from wechsel_core.reports.health import GRAVITY, health_report
from wechsel_core.reports.record import Finding, HealthReport, Scale, Section, number, shown
from wechsel_core.reports.row_findings import coverage_section, hubs_section, norms_section, rows_section
from wechsel_core.results import Candidates, read_manifest, write_manifest


def by_id(part: Section | HealthReport) -> dict[str, Finding]:
    findings = part.findings if isinstance(part, Section) else part.findings()
    return {finding.id: finding for finding in findings}


def record(**alignment: Any) -> dict[str, Any]:
    """A manifest of 100-dimensional vectors and 1,000 offered pairs."""
    return {
        "inputs": {"target_vectors": {"dim": 100}},
        "alignment": {"pairs_offered": 1000, "pairs_usable": 600, "rows": 900} | alignment,
    }


def held_out(p_at_1: float, csls: float | None = None) -> dict[str, Any]:
    def part(first: float) -> dict[str, Any]:
        shares = {"p_at_1": first, "p_at_5": 0.4, "p_at_10": 0.6, "n": 200}
        return {**shares, "interval": {"p_at_1": [first - 0.05, first + 0.05]}}

    return {"cosine": {"all": part(p_at_1)}, "csls": {"all": part(p_at_1 if csls is None else csls)}}


# --- scales and words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "states"),
    [
        (Scale(0.3, 0.1), {0.3: "good", 0.2999: "fair", 0.1: "fair", 0.0999: "poor"}),
        (Scale(0.1, 0.3), {0.1: "good", 0.1001: "fair", 0.3: "fair", 0.3001: "poor"}),
    ],
)
def test_scale_at_its_limits(scale: Scale, states: dict[float, str]) -> None:
    assert {value: scale.state(value) for value in states} == states
    assert scale.state(None) == "unknown"


def test_thresholds_in_words() -> None:
    assert Scale(0.3, 0.1).words("share") == "Good from 30%, poor below 10%."
    assert Scale(5, 10).words("number") == "Good up to 5, poor above 10."


def test_values_as_they_are_read() -> None:
    assert [shown(0.3256, "share"), shown(6626, "pairs"), shown(1.1286, "ratio"), shown(None, "share")] == [
        "32.6%", "6,626", "1.13", "–",
    ]  # fmt: skip
    assert shown(float("nan"), "ratio") == "–"


def test_number_takes_finite_numbers_alone() -> None:
    manifest = {"a": {"b": 2, "c": True, "d": float("inf"), "e": "3"}}
    assert number(manifest, "a", "b") == 2
    assert [number(manifest, "a", name) for name in "cdef"] == [None] * 4 and number(manifest, "b", "c") is None


# --- dictionary and alignment --------------------------------------------------------------------------------------


def test_dictionary_figures() -> None:
    examples = {"multiword": [["ice cream", "glace"]], "source_unknown": [], "target_unknown": [["a", "<b>"]]}
    words = [{"most_frequent": 1000, "share": 0.8}, {"most_frequent": 4900, "share": 0.2}]
    section = dictionary_section(
        record(pairs_multiword=300, pairs_source_unknown=0, pairs_target_unknown=100,
               dropped_examples=examples, covered_words=words)
    )  # fmt: skip
    found = by_id(section)
    assert found["usable_pairs"].value == 600 and found["usable_pairs"].state == "good"  # six for each dimension
    assert found["usable_share"].value == 0.6 and found["usable_share"].state == "good"
    dropped, shown_pairs = found["usable_share"].details
    assert [row[:3] for row in dropped.rows] == [
        ("more than one word", 300, 0.3), ("English word unknown", 0, 0.0), ("target word unknown", 100, 0.1),
    ]  # fmt: skip
    assert shown_pairs.rows == (("ice cream", "glace", "more than one word"), ("a", "<b>", "target word unknown"))
    # The band nearest to 5,000 words is judged.
    assert found["dictionary_reach"].value == 0.2 and found["dictionary_reach"].state == "fair"


@pytest.mark.parametrize(("usable", "state"), [(500, "good"), (499, "fair"), (100, "fair"), (99, "poor")])
def test_pairs_are_judged_by_the_dimension(usable: int, state: str) -> None:
    assert by_id(dictionary_section(record(pairs_usable=usable)))["usable_pairs"].state == state


def test_precision_with_its_interval() -> None:
    found = by_id(alignment_section(record(held_out=held_out(0.35, 0.38))))
    assert found["p_at_1"].state == "good" and found["p_at_1"].interval == pytest.approx((0.3, 0.4))
    assert found["p_at_5"].state == "fair" and found["p_at_5"].interval is None
    assert found["csls_gain"].value == pytest.approx(0.03)
    rows = found["p_at_1"].details[0].rows
    assert rows[0] == ("plain cosine", "all", "P@1", 0.35, pytest.approx(0.3), pytest.approx(0.4), 200)
    assert rows[1][4:6] == (None, None)


def test_no_gain_is_no_health_where_nothing_is_found() -> None:
    found = by_id(alignment_section(record(held_out=held_out(0.001))))
    assert found["p_at_1"].state == "poor" and "shuffled" in found["p_at_1"].advice
    assert found["csls_gain"].state == "unknown"


@pytest.mark.parametrize(("times", "state"), [(3.1, "good"), (2.0, "fair"), (1.1, "poor")])
def test_residual_is_judged_against_random_pairs(times: float, state: str) -> None:
    """600 pairs in 100 dimensions: random ones reach 0.8488 sqrt(1/6) = 0.3465."""
    found = by_id(alignment_section(record(relative_residual=1.2, pair_cosine=0.3465 * times)))["residual"]
    assert found.value == 1.2 and found.state == state and "0.35" in found.meaning


# --- rows, hubs, lengths, coverage ---------------------------------------------------------------------------------


def test_shares_of_rows() -> None:
    counts = {
        "tokens": 200, "mixed": 100, "copied": 0, "fallback": 20, "byte_pieces": 10, "byte_pieces_copied": 3,
        "duplicate_rows": 40,
    }  # fmt: skip
    found = by_id(rows_section({"counts": counts}))
    values = {name: finding.value for name, finding in found.items()}
    assert values == {"mixed": 0.5, "copied": 0, "fallback": 0.1, "byte_pieces": 0.05, "duplicates": 0.4}
    states = {name: finding.state for name, finding in found.items()}
    assert states == {
        "mixed": "poor", "copied": "fair", "fallback": "fair", "byte_pieces": "good", "duplicates": "poor",
    }  # fmt: skip
    assert "3 of them" in found["byte_pieces"].meaning


def candidates(ids: list[list[int]], kind: list[int]) -> Candidates:
    array = np.array(ids, dtype=np.int32)
    return Candidates(array, array * 0.0, array * 0.0, np.array(kind, dtype=np.uint8))


def test_hubs_hand_computed() -> None:
    """k = 2 of three stored; the copied and the fallback token do not count. Token 0 stands in three lists, 1 in two,
    2 in one: skewness of (3, 2, 1, 0) is 0."""
    stored = candidates([[0, 1, 3], [0, 2, 3], [1, 0, 3], [3, -1, -1], [-1, -1, -1]], [0, 0, 0, 1, 2])
    found = by_id(hubs_section(stored, ["a", "b", "c", "d"], InitConfig(neighbors=2)))
    assert found["hub_skewness"].value == pytest.approx(0)
    assert found["first_neighbour_hubs"].value == 1
    rows = found["hub_skewness"].details[0].rows
    assert rows == (("a", "0", 3, 1.0), ("b", "1", 2, pytest.approx(2 / 3)), ("c", "2", 1, pytest.approx(1 / 3)))


def test_one_hub_is_seen() -> None:
    """Every one of 60 tokens has source token 0 first and one of its own second."""
    stored = candidates([[0, i + 1] for i in range(60)], [0] * 60)
    found = by_id(hubs_section(stored, ["x"] * 200, InitConfig(neighbors=2)))
    assert found["hub_skewness"].state == "poor" and found["first_neighbour_hubs"].state == "poor"


def test_nothing_mixed_has_no_hubs() -> None:
    found = by_id(hubs_section(candidates([[-1, -1]], [2]), ["x"], InitConfig(neighbors=2)))
    assert found["hub_skewness"].value is None and found["first_neighbour_hubs"].state == "unknown"


def test_lengths_hand_computed() -> None:
    tokens = pd.DataFrame({"kind": ["mixed"] * 3 + ["fallback"], "norm": [1.0, 2.0, 3.0, 99.0]})
    manifest = {"norms": {"quantiles": [0.0, 0.5, 1.0], "source": [2.0, 4.0, 8.0], "mixed": [1.0, 2.0, 3.0]}}
    found = by_id(norms_section(manifest, tokens))["norm_ratio"]
    assert found.value == 0.5 and found.state == "fair"
    assert found.details[0].rows == (("shortest", 0.5, 0.25), ("median", 1.0, 0.5), ("longest", 2.0, 0.75))


def test_coverage_by_band() -> None:
    """Ids 0 to 1,099, every tenth without a vector; special tokens, pieces of a character and blanks are left out."""
    n = 1100
    kind = np.array(["mixed"] * n, dtype=object)
    kind[::10] = "fallback"
    text = [f"w{i}" for i in range(n)]
    text[0], text[10], kind[1], text[2] = "\ufffd", " ", "copied", "\ufffdx"
    similarity = np.where(kind == "mixed", 0.5, np.nan)
    similarity[1000:][kind[1000:] == "mixed"] = 0.25
    tokens = pd.DataFrame(
        {"target_id": range(n), "kind": kind, "text": text, "similarity": similarity, "effective_neighbors": 2.0}
    )
    found = by_id(coverage_section(tokens))["covered_tokens"]
    first, second = found.details[0].rows
    assert first == ("0 to 999", 996, pytest.approx(898 / 996), 0.5, 2.0)
    assert second == ("1,000 to 1,099", 100, 0.9, 0.25, 2.0)
    assert found.value == pytest.approx(988 / 1096) and found.state == "fair"


# --- the whole report ----------------------------------------------------------------------------------------------


def test_report_of_a_result(tmp_path: Path) -> None:
    report = health_report(write_tiny_result(tmp_path / "tiny"))
    assert {finding.id for finding in report.findings()} == set(GRAVITY)
    for finding in report.findings():
        assert finding.meaning.endswith(".") and finding.advice.endswith((".", "?")) and finding.thresholds
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["result"] == "tiny"


def test_verdict_names_causes_first(tmp_path: Path) -> None:
    """Pairs below the dimension and nothing found: the dictionary's size comes before what it spoils."""
    manifest = record(pairs_usable=20, held_out=held_out(0.0))
    folder = write_tiny_result(tmp_path / "tiny", **manifest)
    report = health_report(folder)
    assert report.state == "poor"
    places = [report.verdict.index(words) for words in ("Usable pairs (20)", "Held-out P@1 (0.0%)", "Start with")]
    assert places == sorted(places)
    assert "Start with Usable pairs: use a larger dictionary" in report.verdict


def test_all_good_says_so(tmp_path: Path) -> None:
    from wechsel_core.reports.health import _verdict

    finding = next(health_report(write_tiny_result(tmp_path / "tiny")).findings())
    assert finding.state == "good" and _verdict([finding])[0] == "good"
    assert _verdict([finding])[1] == "Every figure that could be judged is good (1)."


def test_old_record_opens_and_says_what_is_missing(tmp_path: Path) -> None:
    """Without norms, intervals, examples and coverage of words: not judged, with what to do."""
    folder = write_tiny_result(tmp_path / "old")
    manifest = read_manifest(folder)
    assert "norms" not in manifest and "interval" not in manifest["alignment"]["held_out"]["cosine"]["all"]
    found = by_id(health_report(folder))
    for name in ("norm_ratio", "dictionary_reach", "residual"):
        assert found[name].state == "unknown" and "run init again" in found[name].advice
    assert found["p_at_1"].interval is None and found["p_at_1"].state == "good"


def test_empty_record_is_told(tmp_path: Path) -> None:
    folder = write_tiny_result(tmp_path / "bare", counts={}, alignment={}, inputs={})
    found = by_id(health_report(folder))
    assert found["p_at_1"].state == found["mixed"].state == found["usable_pairs"].state == "unknown"


@pytest.mark.parametrize("broken", [{"config": {}}, {"alignment": [1]}, {"norms": {"quantiles": 3}}])
def test_record_changed_by_hand_is_refused(tmp_path: Path, broken: dict[str, Any]) -> None:
    folder = write_tiny_result(tmp_path / "tiny")
    write_manifest(folder, read_manifest(folder) | broken)
    with pytest.raises(OutputError, match="do not fit"):
        health_report(folder)
