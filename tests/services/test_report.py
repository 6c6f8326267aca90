"""Health reports of real initialisations, the command line's way; a bad dictionary is found."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.services.tiny_files import PAIRS, TinyFiles
from wechsel_core.cli import main
from wechsel_core.errors import OutputError
from wechsel_core.results import NEIGHBORS, TOKENS, read_manifest
from wechsel_core.services import report as service
from wechsel_core.services.report import Finding


def findings(folder: Path) -> dict[str, Finding]:
    return {finding.id: finding for finding in service.health_report_in(folder).findings()}


def test_new_results_record_all_that_is_judged(made: Callable[..., Path]) -> None:
    manifest, found = read_manifest(made()), findings(made())
    assert [finding.id for finding in found.values() if finding.value is None] == []
    assert manifest["norms"]["quantiles"][3] == 0.5
    assert manifest["alignment"]["covered_words"][0]["most_frequent"] > 0
    assert set(manifest["alignment"]["dropped_examples"]) == {"multiword", "source_unknown", "target_unknown"}


def test_recorded_lengths_are_those_of_the_model(made: Callable[..., Path], files: TinyFiles) -> None:
    from safetensors.numpy import load_file

    source = load_file(files.folder / "gpt2" / "model.safetensors")
    wte = next(value for name, value in source.items() if name.endswith("wte.weight"))
    norms = read_manifest(made())["norms"]
    expected = np.quantile(np.linalg.norm(wte, axis=1), norms["quantiles"])
    np.testing.assert_allclose(norms["source"], expected, rtol=1e-5)
    tokens = pd.read_parquet(made() / TOKENS)
    mixed = tokens.loc[tokens["kind"] == "mixed", "norm"]
    np.testing.assert_allclose(norms["mixed"], np.quantile(mixed, norms["quantiles"]), rtol=1e-5)


def test_hubs_are_those_of_the_table(made: Callable[..., Path]) -> None:
    """Counted again from the parquet file by pandas."""
    rows, tokens = pd.read_parquet(made() / NEIGHBORS), pd.read_parquet(made() / TOKENS)
    mixed = tokens.loc[tokens["kind"] == "mixed", "target_id"]
    k = read_manifest(made())["config"]["neighbors"]
    counts = rows[rows["target_id"].isin(mixed) & (rows["rank"] <= k)]["source_id"].value_counts()
    table = findings(made())["hub_skewness"].details[0].rows
    assert [row[2] for row in table] == counts.head(20).tolist()
    for _, source_id, count, share in table:
        assert counts[int(str(source_id))] == count and share == pytest.approx(count / len(mixed))


def test_dropped_examples_are_the_dictionarys(made: Callable[..., Path], files: TinyFiles, tmp_path: Path) -> None:
    """Seventy words that the target vectors lack: twenty are kept, from the first to the last."""
    unknown = [("cat", f"inconnu{i}") for i in range(70)]
    path = tmp_path / "more.tsv"
    path.write_text("".join(f"{a}\t{b}\n" for a, b in (*PAIRS, ("ice cream", "glace"), *unknown)), "utf-8")
    alignment = read_manifest(made(dictionary=str(path)))["alignment"]
    kept = alignment["dropped_examples"]
    assert kept["multiword"] == [["ice cream", "glace"]] and len(kept["target_unknown"]) == 20
    assert kept["target_unknown"][0] == ["cat", "inconnu0"] and kept["target_unknown"][-1] == ["cat", "inconnu69"]
    assert alignment["pairs_target_unknown"] == 70


def test_shuffled_dictionary_is_found(made: Callable[..., Path], tmp_path: Path) -> None:
    """The same pairs with their right sides permuted: the report turns from good to poor, and blames the pairs."""
    foreign = [b for _, b in PAIRS]
    random.Random(0).shuffle(foreign)
    path = tmp_path / "shuffled.tsv"
    path.write_text("".join(f"{a}\t{b}\n" for (a, _), b in zip(PAIRS, foreign, strict=True)), "utf-8")
    sound, broken = made(), made(dictionary=str(path))
    assert findings(sound)["p_at_1"].state == "good"
    report = service.health_report_in(broken)
    found = findings(broken)
    assert report.state == "poor" and found["p_at_1"].state == found["p_at_5"].state == "poor"
    assert "the pairs look wrong" in found["p_at_1"].advice and "Held-out P@1" in report.verdict


@pytest.mark.slow
def test_shuffled_pocket_dictionary_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with the pocket's French dictionary of 8,000 pairs: everything but the alignment looks well."""
    from wechsel_core import paths
    from wechsel_core.config import InitConfig
    from wechsel_core.services.initialise import initialise

    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    lines = (paths.pocket_dir() / "dictionaries" / "fr.tsv").read_text("utf-8").splitlines()
    english, foreign = zip(*(line.split("\t") for line in lines), strict=True)
    shuffled = random.Random(0).sample(foreign, len(foreign))
    path = tmp_path / "shuffled.tsv"
    path.write_text("".join(f"{a}\t{b}\n" for a, b in zip(english, shuffled, strict=True)), "utf-8")
    initialise(InitConfig(dictionary=str(path)), tmp_path / "out")
    report = service.health_report_in(tmp_path / "out")
    found = {finding.id: finding for finding in report.findings()}
    poor = {name for name, finding in found.items() if finding.state == "poor"}
    assert poor == {"p_at_1", "p_at_5", "p_at_10", "residual"}
    assert "Start with Held-out P@1: almost no word finds its translation" in report.verdict


# --- the command line ----------------------------------------------------------------------------------------------


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: Any) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["report", *(str(argument) for argument in arguments)])
        streams = capsys.readouterr()
        return code, streams.out, streams.err

    return call


def test_command_prints_and_writes_nothing(made: Callable[..., Path], run: Callable[..., Any]) -> None:
    before = sorted(made().iterdir())
    code, out, _ = run(made())
    assert code == 0 and "Held-out P@1" in out and sorted(made().iterdir()) == before


def test_command_prints_json_as_its_last_line(made: Callable[..., Path], run: Callable[..., Any]) -> None:
    code, out, _ = run(made(), "--json")
    printed = json.loads(out.splitlines()[-1])
    report = service.health_report_in(made())
    assert code == 0 and printed == json.loads(service.to_json(report))


def test_command_writes_html_once(made: Callable[..., Path], run: Callable[..., Any], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert run(made(), "--html", page)[0] == 0
    assert page.read_text("utf-8") == service.html_page(service.health_report_in(made()))
    page.write_text("mine")
    code, out, err = run(made(), "--html", page)
    assert code == 2 and err.startswith("error: ") and "--force" in err and page.read_text() == "mine" and out == ""
    assert run(made(), "--html", page, "--force")[0] == 0 and page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_command_refuses_what_is_no_result(run: Callable[..., Any], tmp_path: Path) -> None:
    code, out, err = run(tmp_path)
    assert code == 2 and out == "" and err.startswith("error: no result at")


@pytest.mark.parametrize("place", ["", "no/such/folder/report.html"])
def test_page_that_cannot_be_written(made: Callable[..., Path], tmp_path: Path, place: str) -> None:
    with pytest.raises(OutputError):
        service.write_html(service.health_report_in(made()), tmp_path / place, force=True)
