"""The guided tour: six stops on the real pages, in a state that shows one thing each.

The stop stands in the address (``tour=3``), so that a class can be sent a link to it; app.py draws the banner above the
page.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from ui import state

PARAMETER = "tour"
EXAMPLE = "pocket-gpt2-fr"
SENTENCE = "Cliquez sur le bouton pour supprimer le fichier de la liste."


@dataclass(frozen=True)
class Stop:
    """One stop: where it is, what to look at, and a question for the class."""

    title: str
    page: str
    look: str
    ask: str
    query: dict[str, str] = field(default_factory=dict)
    minutes: int = 2

    def address(self, number: int) -> dict[str, str]:
        """The query of the page at this stop."""
        return {"result": EXAMPLE, **self.query, PARAMETER: str(number)}


STOPS = (
    Stop(
        "Two tokenizers",
        "pages/sentence.py",
        "The same French sentence, cut by the French tokenizer and by the English one. The English one needs many more "
        "pieces, and most of them mean nothing by themselves.",
        "Which words stay whole under the English tokenizer, and why those?",
        {"text": SENTENCE},
    ),
    Stop(
        "Static vectors, trained apart",
        "pages/map.py",
        "Every dot is a token. English and French word vectors were trained on different texts. On the left, as they came "
        "from training, a word and its translation lie anywhere: the lines between dictionary pairs run across the "
        "picture. On the right the same vectors after the alignment.",
        "Each cloud has a good order of its own. What is missing on the left to compare them?",
        {"space": "static", "pairs": "True"},
    ),
    Stop(
        "One rotation",
        "pages/map.py",
        "Press play: English is turned onto French. Nothing is bent or stretched, for a rotation keeps all distances "
        "within a language. Watch the lines between dictionary pairs become short.",
        "The rotation was fitted on dictionary words only. Why do other words come to lie right as well?",
        {"space": "turning", "pairs": "True"},
    ),
    Stop(
        "Neighbours",
        "pages/neighbours.py",
        "Each French token now finds its nearest English tokens, by cosine in the space of the static vectors.",
        "Search for a word of your own. Are its neighbours translations, or words of the same topic?",
        {"q": "fichier"},
    ),
    Stop(
        "Weights",
        "pages/neighbours.py",
        "The new row is the weighted mean of its neighbours' rows. The temperature is turned up here: the weights even "
        "out, and ten tokens count nearly alike. At 0.1, the paper's value, the first few carry the row.",
        "Turn the temperature back down. What happens to the length of the row?",
        {"q": "fichier", "tau": "1"},
        minutes=1,
    ),
    Stop(
        "Loss before any training",
        "pages/sentence.py",
        "The model has never seen French. With its new rows it already predicts the sentence better than chance; below "
        "each token stand the English tokens that it is made of.",
        "Which tokens surprise the model most? Look at their neighbours.",
        {"text": SENTENCE},
        minutes=1,
    ),
)


def overview() -> None:
    """The list of stops, each a link, on the Overview page."""
    minutes = sum(stop.minutes for stop in STOPS)
    st.subheader(f"A tour of {minutes} minutes", anchor=False)
    st.write(
        "For a class or for yourself: six stops on the real pages, with an example that came with the lab. "
        "Each says what to look at and leaves a question."
    )
    for number, stop in enumerate(STOPS, 1):
        st.page_link(stop.page, label=f"{number}. {stop.title}", query_params=stop.address(number))


def banner() -> None:
    """What to look at on this stop, above the page; nothing where the address names no stop."""
    given = state.get(PARAMETER) or ""
    number = int(given) if given.isdecimal() and len(given) < 3 else 0
    if not 1 <= number <= len(STOPS):
        return
    stop = STOPS[number - 1]
    with st.container(border=True):
        st.markdown(f"**Tour, stop {number} of {len(STOPS)}: {stop.title}**")
        st.write(stop.look)
        st.caption(f"A question: {stop.ask}")
        with st.container(horizontal=True):
            if number > 1:
                _link(number - 1, "Back", ":material/arrow_back:")
            if number < len(STOPS):
                _link(number + 1, f"Next: {STOPS[number].title}", ":material/arrow_forward:")
            st.page_link("pages/overview.py", label="End the tour", icon=":material/close:")


def _link(number: int, label: str, icon: str) -> None:
    stop = STOPS[number - 1]
    st.page_link(stop.page, label=label, icon=icon, query_params=stop.address(number))
