"""The overview in an empty home and with results."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import APP, open_page
from ui import tour


def links(app) -> list[str]:
    return [link.proto.label for link in app.get("page_link")]


def test_first_visit_leads_to_the_example_and_to_an_initialisation() -> None:
    app = open_page("overview")
    opened = next(link.proto for link in app.get("page_link") if link.proto.label == "Look at a finished result")
    assert opened.page == "neighbours" and opened.query_string == "result=pocket-gpt2-fr"
    assert any("example, came with the lab" in label for label in links(app))
    assert "Initialise a model" in links(app)


@pytest.mark.parametrize("number", range(1, len(tour.STOPS) + 1))
def test_every_stop_of_the_tour_opens_without_complaint(number: int) -> None:
    stop = tour.STOPS[number - 1]
    app = open_page(stop.page.removeprefix("pages/").removesuffix(".py"), **stop.address(number))
    assert not [*app.error, *app.warning]


def overview_with(number: str) -> AppTest:
    """The overview with the tour's banner, which app.py draws; the test runner leaves app.py out on other pages."""
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params["tour"] = number
    return app.run()


@pytest.mark.parametrize("number", range(1, len(tour.STOPS) + 1))
def test_banner_leads_on_and_back(number: int) -> None:
    app = overview_with(str(number))
    assert f"stop {number} of {len(tour.STOPS)}: {tour.STOPS[number - 1].title}" in app.markdown[0].value
    stops = [link.proto.query_string for link in app.get("page_link") if "tour=" in link.proto.query_string]
    around = [other for other in (number - 1, number + 1) if 1 <= other <= len(tour.STOPS)]
    assert [f"tour={other}" in query for other, query in zip(around, stops, strict=False)] == [True] * len(around)


@pytest.mark.parametrize("number", ["0", "99", "x", "²", "-1", "1" * 5000])
def test_no_such_stop_shows_no_banner(number: str) -> None:
    assert not [part for part in overview_with(number).markdown if "Tour, stop" in part.value]


def test_a_stop_is_not_remembered_with_the_page() -> None:
    assert "tour" not in overview_with("1").session_state["last:overview"]


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
