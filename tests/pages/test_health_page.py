"""The health page: verdict, findings, old results, bad links, hostile tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages.conftest import address, open_page
from tests.pages.tiny_result import write_tiny_result
from wechsel_core.results import read_manifest, write_manifest


def test_first_visit_judges_a_result(result: str) -> None:
    app = open_page("health")
    assert address(app) == {"result": result}
    assert [header.value for header in app.header] == [
        "Alignment", "Dictionary", "Where the rows come from", "Hubs", "Lengths of the rows", "Coverage by frequency",
    ]  # fmt: skip
    values = {metric.label: metric.value for metric in app.metric}
    assert values["Held-out P@1"] == "41.0%" and values["Usable pairs"] == "130"
    assert any("run init again" in caption.value for caption in app.caption)


def test_poor_result_names_the_worst_first(home: Path) -> None:
    folder = write_tiny_result(home / "results" / "bad", inputs={"target_vectors": {"dim": 300}})
    app = open_page("health", result=folder.name)
    words = app.error[0].value.replace("\\", "")
    assert "poor: Usable pairs (130)" in words and "Start with Usable pairs" in words


def test_good_result_is_a_success(home: Path) -> None:
    folder = home / "results" / "good"
    manifest = read_manifest(write_tiny_result(folder))
    counts = {"tokens": 1000, "mixed": 990, "copied": 1, "fallback": 9, "byte_pieces": 0, "duplicate_rows": 0}
    write_manifest(folder, manifest | {"counts": counts})
    app = open_page("health", result="good")
    # The hubs of six English tokens are no hubs, but fewer than ten of them take every first place.
    assert not app.success and "First neighbour is a hub" in app.error[0].value


def test_tokens_of_the_hub_table_are_text(result: str) -> None:
    app = open_page("health", result=result)
    hubs = next(frame.value for frame in app.dataframe if "English token" in frame.value)
    assert "<script>" in hubs["English token"].tolist() and "␣house" in hubs["English token"].tolist()
    shown = [part.value for part in [*app.markdown, *app.caption, *app.header, *app.error, *app.warning]]
    assert not any("<script>" in part for part in shown)


@pytest.mark.parametrize("bad", ["gone", "../tiny", "<script>", ":red[x]"])
def test_bad_result_in_the_address_gives_a_way_on(result: str, bad: str) -> None:
    app = open_page("health", result=bad)
    assert "There is no result" in app.error[0].value and app.get("page_link")
    app.selectbox(key="url:result").set_value(result).run()
    assert address(app) == {"result": result} and app.metric


def test_unreadable_result_shows_one_error(home: Path, result: str) -> None:
    (home / "results" / result / "neighbors.parquet").write_bytes(b"not parquet")
    app = open_page("health", result=result)
    assert len(app.error) == 1 and "cannot be read" in app.error[0].value and not app.metric


def test_downloads_are_offered(result: str) -> None:
    app = open_page("health", result=result)
    labels = [button.proto.label for button in app.get("download_button")]
    assert {"HTML report", "JSON"} <= set(labels)
