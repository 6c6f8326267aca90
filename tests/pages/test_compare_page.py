"""The compare page: choosing, other dials of one result, tables, bad links."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages.conftest import address, open_page
from tests.pages.tiny_result import TARGET, write_tiny_result
from ui import services
from wechsel_core.config import InitConfig


@pytest.fixture
def other(home: Path) -> str:
    """A second result of another language and k, as old as the first."""
    config = InitConfig(target_language="fr", neighbors=2)
    folder = write_tiny_result(home / "results" / "other", config, created="2026-01-01T00:00:00+00:00")
    return folder.name


def texts(app: object) -> list[str]:
    return [part.value for part in [*app.info, *app.error, *app.caption]]  # type: ignore[attr-defined]


def moved(app: object) -> object:
    return next(f.value for f in app.dataframe if "Nearest in A" in f.value or "nearest_a" in f.value)  # type: ignore[attr-defined]


def test_first_visit_with_one_result_turns_tau(result: str) -> None:
    app = open_page("compare")
    assert address(app) == {"a": result, "b": "reweighted", "tau": "1"}
    assert len(moved(app)) == len(TARGET)
    assert app.code[0].value


def test_first_visit_with_two_results_compares_them(result: str, other: str) -> None:
    app = open_page("compare")
    assert address(app) == {"a": result, "b": other}
    settings = app.dataframe[0].value
    assert settings.set_index("setting").loc["neighbors"].tolist() == ["10", "2"]
    assert settings.set_index("setting").loc["target language"].tolist() == ["de", "fr"]
    assert app.toggle[0].disabled  # tiny results do not say what model they are of


def test_what_one_session_does_to_a_table_no_other_sees(result: str) -> None:
    first = services.compare(result, result, (2, 1.0), with_rows=False)
    for name in ("settings", "figures", "similarities", "tokens"):
        before = getattr(services.compare(result, result, (2, 1.0), with_rows=False), name)
        mine = getattr(first, name)
        mine.iloc[0, 0] = mine.iloc[-1, 0]
        mine["more"] = 1
        assert getattr(services.compare(result, result, (2, 1.0), with_rows=False), name).equals(before)


def test_the_same_result_twice_offers_its_dials(result: str, other: str) -> None:
    app = open_page("compare", a=result, b=result)
    assert "the same result" in app.info[0].value and not app.dataframe
    next(button for button in app.button if "another k and tau" in button.label).click().run()
    assert address(app) == {"a": result, "b": "reweighted", "tau": "1"} and app.dataframe


def test_dials_at_the_results_own_values_say_so(result: str) -> None:
    app = open_page("compare", a=result, b="reweighted")
    assert "nothing differs" in app.info[0].value and not app.dataframe
    app.slider(key="url:k").set_value(2).run()
    assert address(app) == {"a": result, "b": "reweighted", "k": "2"} and app.dataframe


def test_choosing_dials_for_b_turns_tau(result: str, other: str) -> None:
    app = open_page("compare", a=result, b=other)
    app.selectbox(key="url:b").set_value("reweighted").run()
    assert address(app) == {"a": result, "b": "reweighted", "tau": "1"}
    app.selectbox(key="url:b").set_value(other).run()
    assert address(app) == {"a": result, "b": other}


@pytest.mark.parametrize(("a", "b"), [("gone", "tiny"), ("tiny", "../x"), ("reweighted", "tiny"), (":red[x]", "tiny")])
def test_bad_result_in_the_address_gives_a_way_on(result: str, other: str, a: str, b: str) -> None:
    app = open_page("compare", a=a, b=b)
    assert "There is no result" in app.error[0].value and ":red[" not in app.error[0].value
    assert app.get("page_link")
    for name, wanted in (("a", result), ("b", other)):
        app.selectbox(key=f"url:{name}").set_value(wanted).run()
    assert not app.error and address(app) == {"a": result, "b": other}


def test_token_of_the_address_is_open(result: str) -> None:
    app = open_page("compare", a=result, b="reweighted", tau="1", token="2")
    assert app.code[0].value == "␣Garten"
    neighbors = next(f.value for f in app.dataframe if "mark" in f.value)
    assert set(neighbors["mark"]) == {"both"} or "B only" in set(neighbors["mark"])


@pytest.mark.parametrize("bad", ["99", "x", "-1", ":red[x]"])
def test_bad_token_gives_a_way_on(result: str, bad: str) -> None:
    app = open_page("compare", a=result, b="reweighted", tau="1", token=bad)
    assert "There is no token" in app.error[0].value and ":red[" not in app.error[0].value
    app.text_input(key="url:q").set_value("Haus").run()
    assert not app.error and app.code[0].value == "␣Haus"


def test_search_keeps_tokens_that_match(result: str) -> None:
    app = open_page("compare", a=result, b="reweighted", tau="1", q="#3")
    assert moved(app)["target_id"].tolist() == [3]
    app.text_input(key="url:q").set_value("zzzz").run()
    assert any("No token that both have" in words for words in texts(app))


@pytest.mark.parametrize("token", range(len(TARGET)))
def test_every_token_shows_as_text_only(result: str, token: int) -> None:
    app = open_page("compare", a=result, b="reweighted", k="2", token=str(token))
    text = TARGET[token][1]
    interpreted = [part.value for part in [*app.markdown, *app.caption, *app.header, *app.info]]
    assert not any(text.strip() in part for part in interpreted if text.strip())
    assert "\n" not in app.code[0].value


def test_unreadable_result_shows_one_error(home: Path, result: str, other: str) -> None:
    (home / "results" / other / "tokens.parquet").write_bytes(b"not parquet")
    app = open_page("compare", a=result, b=other)
    assert len(app.error) == 1 and "cannot be read" in app.error[0].value
