"""The health report of methods that are not WECHSEL: what is not their step is left out with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.pages.tiny_result import write_tiny_result
from wechsel_core.config import METHODS, InitConfig
from wechsel_core.reports.health import describe, health_report
from wechsel_core.reports.html import html_page
from wechsel_core.reports.plain import plain_text
from wechsel_core.reports.record import Section
from wechsel_core.reports.row_findings import hubs_section, norms_section, rows_section
from wechsel_core.results import Candidates

PAIRLESS = {"alignment": None, "mode": None}


def sections(folder: Path) -> dict[str, Section]:
    return {section.id: section for section in health_report(folder).sections}


@pytest.mark.parametrize("name", METHODS)
def test_every_section_has_figures_or_a_reason(tmp_path: Path, name: str) -> None:
    config = InitConfig(method=name)
    report = health_report(write_tiny_result(tmp_path / "tiny", config, **({} if name == "wechsel" else PAIRLESS)))
    for section in report.sections:
        assert bool(section.findings) != bool(section.note), section.id
        assert section.note == "" or section.note.endswith(".")
        assert section.note in plain_text(report).replace("\n  ", " ") and section.note in html_page(report)


def test_a_method_without_a_dictionary(tmp_path: Path) -> None:
    folder = write_tiny_result(tmp_path / "tiny", InitConfig(method="focus"), **PAIRLESS)
    found = sections(folder)
    assert "FOCUS takes no bilingual dictionary" in found["alignment"].note
    assert "no pairs to judge" in found["dictionary"].note
    assert found["coverage"].findings and found["hubs"].findings  # it looks at vectors of the target language
    verdict = health_report(folder).verdict
    assert "Left out, with the reason below: Alignment, Dictionary." in verdict


def test_spaces_left_as_they_are(tmp_path: Path) -> None:
    found = sections(write_tiny_result(tmp_path / "tiny", InitConfig(alignment="none"), **PAIRLESS))
    assert "alignment none" in found["alignment"].note and "alignment none" in found["dictionary"].note
    assert found["hubs"].findings[0].state != "unknown"


@pytest.mark.parametrize(("name", "judged"), [("wechsel", True), ("ofa", False), ("mean", False), ("overlap", False)])
def test_kinds_are_judged_where_the_limits_hold(name: str, judged: bool) -> None:
    counts = {"tokens": 100, "mixed": 10, "copied": 1, "fallback": 89, "byte_pieces": 1, "duplicate_rows": 9}
    found = {finding.id: finding for finding in rows_section({"counts": counts}, InitConfig(method=name)).findings}
    for kind in ("mixed", "fallback", "duplicates"):
        assert found[kind].state == ("poor" if judged else "unknown")
        assert found[kind].value is not None
        assert judged or ("Not judged" in found[kind].thresholds and found[kind].advice == "")
    assert found["copied"].state == found["byte_pieces"].state == "good"


def test_without_k_the_mixtures_are_counted() -> None:
    """Two tokens of two and one parts; what is stored with weight 0 is no part, a part below 0 is one."""
    candidates = Candidates(
        np.array([[0, 1, 2], [1, -1, -1]], np.int32), np.zeros((2, 3), np.float32),
        np.array([[0.7, -0.2, 0.0], [1.0, 0, 0]], np.float32), np.zeros(2, np.uint8),
    )  # fmt: skip
    section = hubs_section(candidates, ["a", "b", "c"], InitConfig(method="omp"))
    table = section.findings[0].details[0]
    assert [row[:3] for row in table.rows] == [("b", "1", 2), ("a", "0", 1)]
    assert {finding.state for finding in section.findings} == {"unknown"} and "k =" not in section.findings[0].meaning


def test_lengths_of_rows_that_are_not_mixed() -> None:
    """Median 2 against 4; there is no k to lower."""
    tokens = pd.DataFrame({"kind": ["fallback"] * 3 + ["copied"], "norm": [1.0, 2.0, 3.0, 99.0]})
    manifest: dict[str, Any] = {"norms": {"quantiles": [0.0, 0.5, 1.0], "source": [2.0, 4.0, 8.0], "mixed": []}}
    (found,) = norms_section(manifest, tokens, InitConfig(method="mean")).findings
    assert found.value == 0.5 and found.state == "fair" and "Lower k" not in found.advice and "Mean" in found.advice


def test_one_line_names_what_the_method_reads() -> None:
    assert describe(InitConfig().to_dict()) == "pocket-gpt2 to fr, wechsel, k 10, tau 0.1"
    assert describe(InitConfig(method="mean").to_dict()) == "pocket-gpt2 to fr, mean"
