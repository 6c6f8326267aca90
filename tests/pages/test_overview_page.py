"""The overview in an empty home and with results."""

from __future__ import annotations

from tests.pages.conftest import open_page


def links(app) -> list[str]:
    return [link.proto.label for link in app.get("page_link")]


def test_empty_home_says_what_to_do() -> None:
    app = open_page("overview")
    assert "No results yet" in app.info[0].value
    assert "Initialise a model" in links(app)


def test_shows_catalogue_and_citation() -> None:
    app = open_page("overview")
    models, languages = (table.value for table in app.dataframe)
    assert "pocket-gpt2" in set(models["name"])
    assert {"de", "fr", "sw", "zh"} <= set(languages["code"])
    assert "2022.naacl-main.293" in app.code[0].value
    assert any("NAACL 2022" in part.value for part in app.markdown)


def test_five_steps_each_with_a_description() -> None:
    app = open_page("overview")
    body = app.get("html")[0].proto.body
    assert body.count("<img") == 5
    assert all(f'alt="Step {number}, ' in body for number in range(1, 6))


def test_recent_results_link_to_their_neighbours(result: str) -> None:
    app = open_page("overview")
    link = next(link.proto for link in app.get("page_link") if "pocket" in link.proto.label)
    assert link.query_string == f"result={result}"
    assert not app.info
