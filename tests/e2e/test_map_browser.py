"""The map as a person uses it: box, lasso, click, search, the rotation, reload, back, a narrow window, the dark."""

from __future__ import annotations

import csv
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.settled import visit

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

EXAMPLE = "pocket-gpt2-fr"
WORD, TOKEN, NEIGHBOUR = "langue", "␣langue", "␣language"
#: Where every point of a figure is on the screen: pixels and key.
ON_SCREEN = """figure => {
    const {xaxis: x, yaxis: y} = figure._fullLayout, place = figure.getBoundingClientRect();
    return figure._fullData.filter(trace => trace.customdata).flatMap(trace => Array.from(trace.x, (value, i) => [
        place.left + x._offset + x.d2p(value), place.top + y._offset + y.d2p(trace.y[i]), trace.customdata[i]]));
}"""
CLEAR_PIXELS = 12
SELECTED = re.compile(r"^[\d,]+ tokens? selected")


def open_map(page: Page, app_url: str, **query: str) -> None:
    """The map of the example, drawn; with few points unless the test says otherwise."""
    asked = {"result": EXAMPLE, "n": "1000"} | query
    visit(page, f"{app_url}/map?" + "&".join(f"{name}={value}" for name, value in asked.items()))
    drawn(page)


def drawn(page: Page) -> None:
    from playwright.sync_api import expect

    expect(page.locator(".js-plotly-plot").last.locator(".gl-canvas").first).to_be_visible()
    page.wait_for_function("[...document.querySelectorAll('.js-plotly-plot')].every(f => f._fullData?.length)")


def figure(page: Page, place: int) -> Locator:
    return page.locator(".js-plotly-plot").nth(place)


def points(page: Page, place: int) -> list[list[Any]]:
    figure(page, place).scroll_into_view_if_needed()
    return figure(page, place).evaluate(ON_SCREEN)


def tool(page: Page, place: int, name: str) -> None:
    """Press a button of a figure's tool bar, which shows while the mouse is over the figure."""
    figure(page, place).hover()
    figure(page, place).locator(f"[data-title='{name}']").click()


def drag(page: Page, *corners: tuple[float, float]) -> None:
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=6)
    page.mouse.up()


def middle(page: Page, place: int) -> tuple[float, float]:
    """The place on the screen with most points around: the median."""
    found = points(page, place)
    across, down = sorted(x for x, _, _ in found), sorted(y for _, y, _ in found)
    return across[len(found) // 2], down[len(found) // 2]


def alone(page: Page, place: int) -> tuple[float, float, str]:
    """A point with no other near it, so that a click can mean no other."""
    found = points(page, place)
    for x, y, key in sorted(found, key=lambda point: -point[0]):
        if sum(abs(x - a) + abs(y - b) < CLEAR_PIXELS for a, b, _ in found) == 1:
            return x, y, key
    pytest.fail("every point has another one beside it")


def marked(page: Page, place: int) -> set[str]:
    """Keys of the points that a figure shows as selected."""
    script = """figure => figure._fullData.filter(trace => trace.customdata && trace.selectedpoints)
        .flatMap(trace => Array.from(trace.selectedpoints, i => trace.customdata[i]))"""
    return set(figure(page, place).evaluate(script))


def test_box_selects_in_both_figures_and_survives_a_reload(
    page: Page, app_url: str, screenshot: Callable[[str], Path]
) -> None:
    from playwright.sync_api import expect

    open_map(page, app_url)
    x, y, key = alone(page, 1)
    tool(page, 1, "Box Select")
    drag(page, (x - 20, y - 20), (x + 10, y + 20))
    expect(page.get_by_text(SELECTED)).to_be_visible()
    expect(page).to_have_url(re.compile(r"sel=[ts]\d+"))
    drawn(page)
    chosen = marked(page, 1)
    assert key in chosen and len(chosen) <= 50 and marked(page, 0) == chosen
    expect(page.get_by_test_id("stDataFrame").last.locator("canvas").first).to_be_visible()
    screenshot("box")
    page.reload()
    drawn(page)
    expect(page.get_by_text(f"{len(chosen)} token")).to_be_visible()
    assert marked(page, 0) == chosen
    page.get_by_role("button", name="Clear selection").click()
    expect(page).not_to_have_url(re.compile("sel="))


def test_lasso_takes_many_and_the_address_keeps_them(page: Page, app_url: str) -> None:
    from playwright.sync_api import expect

    open_map(page, app_url)
    x, y = middle(page, 0)
    tool(page, 0, "Lasso Select")
    drag(page, (x - 80, y), (x, y - 80), (x + 80, y), (x, y + 80), (x - 80, y + 5))
    told = page.get_by_text(SELECTED)
    expect(told).to_be_visible()
    count = int((told.text_content() or "").split()[0].replace(",", ""))
    assert count > 50
    expect(page).to_have_url(re.compile(r"sel=z"))
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:  # tokens hold line breaks of all kinds
        head, *lines = csv.reader(file)
    assert head[:5] == ["id", "text", "token", "kind", "similarity"] and len(lines) == count
    drawn(page)
    chosen = marked(page, 0)
    assert len(chosen) == count
    with page.context.browser.new_context() as second:  # a colleague opens the link
        visitor = second.new_page()
        visit(visitor, page.url)
        drawn(visitor)
        expect(visitor.get_by_text(f"{count:,} tokens selected")).to_be_visible()
        assert marked(visitor, 0) == chosen
    page.reload()
    expect(page.get_by_text(f"{count:,} tokens selected")).to_be_visible()
    page.go_back()
    expect(told).to_be_hidden()


def test_click_opens_a_token_and_back_closes_it(page: Page, app_url: str) -> None:
    from playwright.sync_api import expect

    open_map(page, app_url)
    x, y, key = alone(page, 1)
    page.mouse.move(x, y)
    expect(page.locator(".hoverlayer .hovertext")).to_be_visible()
    page.mouse.click(x, y)
    name = "token" if key.startswith("t") else "source"
    expect(page).to_have_url(re.compile(rf"{name}={key[1:]}(&|$)"))
    expect(page.get_by_role("heading", name="The open token")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="The open token")).to_be_hidden()


def test_search_shows_neighbours_and_leads_to_their_page(
    page: Page, app_url: str, screenshot: Callable[[str], Path]
) -> None:
    from playwright.sync_api import expect

    page.emulate_media(color_scheme="dark")
    open_map(page, app_url, n="5000", pairs="True")
    search = page.get_by_test_id("stTextInput").filter(has_text="Search a token").locator("input")
    search.fill(WORD)
    search.press("Enter")
    expect(page.get_by_test_id("stCode").filter(has_text=TOKEN).first).to_be_visible()
    drawn(page)
    expect(figure(page, 1).locator(".annotation").filter(has_text=NEIGHBOUR).first).to_be_visible()
    screenshot("search-dark")
    page.get_by_text("Zoom to the token").click()
    expect(page).to_have_url(re.compile("zoom=True"))
    drawn(page)
    screenshot("search-dark-zoomed")
    page.get_by_role("link", name="Open on the Neighbours page").click()
    expect(page).to_have_url(re.compile(r"/neighbours\?.*token=\d+"))
    expect(page.get_by_test_id("stCode").first).to_contain_text(TOKEN)
    page.go_back()
    expect(search).to_have_value(WORD)


def test_figure_and_vectors_are_taken_home(page: Page, app_url: str, tmp_path: Path) -> None:
    """PNG by the camera in the figure, HTML that opens without a server, the Embedding Projector's pair of files."""
    page.emulate_media(color_scheme="dark")
    open_map(page, app_url, space="model", q=WORD)

    def taken(press: Callable[[], None]) -> Path:
        with page.expect_download() as download:
            press()
        target = tmp_path / download.value.suggested_filename
        download.value.save_as(target)
        return target

    picture = taken(lambda: tool(page, 0, "Download plot as a PNG"))
    assert picture.name == f"{EXAMPLE}-model-pca.png"
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG\r\n") and struct.unpack(">I", content[16:20])[0] > 1000  # width in pixels

    packed = taken(page.get_by_role("button", name="Vectors").click)
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ["vectors.tsv", "metadata.tsv"]
        vectors, names = (archive.read(name).decode().split("\n") for name in archive.namelist())
    assert len(vectors) == len(names) - 1 > 900  # a head, and a line break at either's end
    assert {line.count("\t") for line in vectors[:-1]} == {191} and {line.count("\t") for line in names[:-1]} == {7}

    file = taken(page.get_by_role("button", name="HTML").click)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    drawn(page)
    assert set(asked) <= {file.as_uri()}
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 25, 29)"
    assert figure(page, 0).evaluate("figure => figure._fullLayout.plot_bgcolor") == "#14191D"
    assert figure(page, 0).locator(".annotation").filter(has_text=TOKEN).count() == 1


def test_rotation_brings_pairs_together(page: Page, app_url: str, screenshot: Callable[[str], Path]) -> None:
    from playwright.sync_api import expect

    open_map(page, app_url, space="turning")
    length = """figure => { const {x, y} = figure._fullData[2]; let sum = 0;
        for (let i = 0; i + 1 < x.length; i += 3) sum += Math.hypot(x[i + 1] - x[i], y[i + 1] - y[i]);
        return sum; }"""
    before = figure(page, 0).evaluate(length)
    expect(page.get_by_text("Press Play")).to_be_visible()
    figure(page, 0).locator(".updatemenu-button").first.click()
    expect(figure(page, 0).locator(".slider-label").first).to_contain_text("100%")
    assert figure(page, 0).evaluate(length) < before
    screenshot("rotation")


def test_model_space_and_umap(page: Page, app_url: str, screenshot: Callable[[str], Path]) -> None:
    from playwright.sync_api import expect

    page.set_default_timeout(180_000)
    open_map(page, app_url, space="model", colour="similarity")
    screenshot("model")
    visit(page, f"{app_url}/map?result={EXAMPLE}&n=1000&method=umap&colour=frequency")
    expect(page.get_by_text("UMAP (n_neighbors 15")).to_be_visible(timeout=180_000)
    drawn(page)
    screenshot("umap")
    page.reload()
    expect(page.get_by_text("UMAP (n_neighbors 15")).to_be_visible()


def test_narrow_window_has_no_sideways_scroll(page: Page, app_url: str, screenshot: Callable[[str], Path]) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    open_map(page, app_url, q=WORD, pairs="True")
    screenshot("narrow")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth <= main.clientWidth")
