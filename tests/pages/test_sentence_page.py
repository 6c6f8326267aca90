"""The sentence page on the example: tokens, gloss, dials, loss, and text that means harm."""

from __future__ import annotations

import functools
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.pages.conftest import address, open_page
from tests.pages.tiny_result import TARGET, write_tiny_result
from ui import sentence_view, services
from wechsel_core.services import sentences
from wechsel_core.services.sentences import Segmentation
from wechsel_core.tokenizers.segmentation import Segment

EXAMPLE = "pocket-gpt2-fr"
HOSTILE = [
    *((token, text) for token, text, _ in TARGET),
    ('\'" onmouseover="alert(1)', '\'" onmouseover="alert(1)'),
    ("</span></div><img src=x onerror=alert(1)>", "</span></div><img src=x onerror=alert(1)>"),
    ("&lt;b&gt;&#60;", "&lt;b&gt;&#60;"),
    ("\u0301", "\u0301"),
    ("\u200b\u200d\u2066", "\u200b\u200d\u2066"),
    ("<0xE4>", "\ufffd"),
    ("a\u0300\u0301\u0302", "a\u0300\u0301\u0302"),
]


class Reader(HTMLParser):
    """Tags, attribute names and visible text of a piece of HTML; fails on tags that are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.titles: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._open.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.titles += [value or "" for name, value in attrs if name == "title"]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize(("token", "text"), HOSTILE)
def test_hostile_tokens_are_text(token: str, text: str) -> None:
    cut = Segmentation((Segment(7, token, text, 0, 1),), 1, 1)
    frame = pd.DataFrame({"source_text": [text], "source_token": [token], "weight": [0.5]})
    for html in (sentence_view.spans(cut), sentence_view.gloss(cut, [frame], [3.0])):
        seen = Reader(html)
        assert seen.tags <= {"div", "span", "bdi"}
        assert seen.attributes <= {"style", "title", "role"}
        # Line breaks, direction marks and lone combining marks are named, not obeyed.
        everything = "".join(seen.texts + seen.titles)
        assert not set(everything) & set("\n\u202e\u200b\u200d\u2066")
        assert not any(part.startswith("\u0301") for part in seen.texts)


def test_gloss_shows_the_largest_shares_and_bits() -> None:
    cut = Segmentation((Segment(1, "Ġx", " x", 0, 1), Segment(2, "y", "y", 1, 2)), 1, 2)
    frame = pd.DataFrame(
        {"source_text": list("abcde"), "source_token": list("abcde"), "weight": np.array([0.5, 0.25, 0.15, 0.1, 0])}
    )
    seen = Reader(sentence_view.gloss(cut, [frame, frame.head(0)], [float("nan"), 12.25]))
    words = [text.strip() for text in seen.texts if text.strip()]
    assert words == ["␣x", "a", "50%", "b", "25%", "c", "15%", "y", "no English parts", "12.2 bits"]
    assert seen.titles == ["a 50%, b 25%, c 15%, d 10%", ""]


def test_every_pocket_language_has_examples() -> None:
    for language in ("fr", "de", "zh", "sw"):
        offered = sentence_view.examples(language)
        assert len(offered) > 3
        assert offered[-1] == sentence_view.EXAMPLES["en"][0]
    assert sentence_view.examples("fr-CA") == sentence_view.examples("fr")
    assert sentence_view.examples("ka") == list(sentence_view.EXAMPLES["en"])


@functools.cache
def _opened() -> tuple[Any, Any]:
    tokenizers = sentences.open_tokenizers(EXAMPLE)
    return tokenizers, sentences.open_sentence_model(EXAMPLE, services.stored(EXAMPLE), tokenizers)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> str:
    """The example with its model loaded once for all tests."""
    tokenizers, model = _opened()
    monkeypatch.setattr(sentences, "open_tokenizers", lambda _: tokenizers)
    monkeypatch.setattr(sentences, "open_sentence_model", lambda *_: model)
    return EXAMPLE


def pieces(app: Any) -> list[Reader]:
    """The HTML of the page: the new tokenizer's tokens, the English ones, the gloss."""
    return [Reader(part.proto.body) for part in app.get("html")]


def metrics(app: Any) -> dict[str, Any]:
    return {metric.label: metric for metric in app.metric}


@pytest.mark.slow
def test_first_visit_shows_an_example_sentence(example: str) -> None:
    app = open_page("sentence")
    assert app.text_input(key="url:text").value == sentence_view.EXAMPLES["fr"][0]
    target, english, gloss = pieces(app)
    assert "␣fichier" in target.texts
    assert "␣fichier" not in english.texts
    assert "␣file" in gloss.texts
    assert any("bits" in text for text in gloss.texts)
    tokens = [metric.value for metric in app.metric if metric.label == "Tokens"]
    assert int(tokens[0]) < int(tokens[1])
    shown = metrics(app)
    assert shown["Bits per byte"].value == shown["The result's own"].value
    assert float(shown["Bits per byte"].value) < float(shown["Guessing alike"].value)


@pytest.mark.slow
def test_dials_change_gloss_and_loss(example: str) -> None:
    app = open_page("sentence", result=example, text="le fichier")
    before = metrics(app)["The result's own"].value
    app.slider(key="url:k").set_value(1).run()
    assert address(app) == {"result": example, "text": "le fichier", "k": "1"}
    assert [text.strip() for text in pieces(app)[2].texts].count("100%") == len(
        services.cut(example, "le fichier")[0].ids
    )
    shown = metrics(app)
    assert shown["The result's own"].value == before != shown["Bits per byte"].value
    app.session_state["dials:command"] = True
    app.run()
    assert "--neighbors 1" in app.code[0].value


@pytest.mark.slow
def test_picking_an_example_writes_its_text(example: str) -> None:
    app = open_page("sentence", result=example, text="bonjour")
    wanted = sentence_view.EXAMPLES["en"][0]
    app.selectbox(key="url:text-example").set_value(wanted).run()
    assert address(app) == {"result": example, "text": wanted}
    assert app.text_input(key="url:text").value == wanted


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "<script>alert(1)</script> $x$ :red[x]",
        "بيت \u202e كبير",
        "猫\u0301\u200b🙂",
        "a\nb",
        "<|endoftext|>",
        "x" * 900,
    ],
)
def test_hostile_sentences_are_text(example: str, words: str) -> None:
    app = open_page("sentence", result=example, text=words)
    assert not app.error
    assert len(app.text_input(key="url:text").value) <= 300
    for seen in pieces(app):
        assert seen.tags <= {"div", "span", "bdi"}
    interpreted = " ".join(part.value for part in [*app.markdown, *app.caption, *app.info])
    assert "<script>" not in interpreted
    assert ":red[" not in interpreted


@pytest.mark.slow
def test_bad_address_gives_a_way_on(example: str) -> None:
    app = open_page("sentence", result="gone")
    assert "There is no result" in app.error[0].value
    app.selectbox(key="url:result").set_value(example).run()
    assert not app.error
    app = open_page("sentence", result=example, text=" ", k="0", tau="x")
    assert len(app.warning) == 2
    assert app.get("html") or app.info


def test_result_whose_tokenizer_is_another_shows_one_error(home: Any) -> None:
    write_tiny_result(home / "results" / "tiny")
    app = open_page("sentence", result="tiny", text="Haus")
    assert len(app.error) == 1
    assert "tokenizer" in app.error[0].value
    assert not app.exception
