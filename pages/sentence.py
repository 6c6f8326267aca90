"""A sentence of the new language: its tokens, what each is made of, and its loss before any training."""

from typing import Any

import streamlit as st

from ui import dials, sentence_view, services, state, widgets
from wechsel_core.errors import WechselError

LONGEST = 300


def sentence(result: str) -> str:
    """The sentence in the address, typed or picked; the language's first example at first."""
    language = str(services.summary(result)["config"]["target_language"])
    offered = sentence_view.examples(language)
    given = state.get("text")
    # What cannot be encoded (half of a surrogate pair) cannot be cut into tokens either.
    words = (offered[0] if given is None else given)[:LONGEST].encode("utf-8", "replace").decode()
    typed, picked = st.columns([3, 2])
    with picked:
        st.selectbox(
            "Examples",
            offered,
            index=None,
            placeholder="Pick a sentence",
            help="Written for this lab; the last is English, for comparison.",
            **state.linked("text-example", words if words in offered else None, after=pick),
        )
    with typed:
        entered = st.text_input(
            "Sentence",
            max_chars=LONGEST,
            help=f"Any text, best in the new language; at most {LONGEST} characters.",
            **state.linked("text", words),
        )
    return entered or ""


def pick() -> None:
    """Put the example that was picked in the place of the sentence."""
    state.put(text=st.session_state["url:text-example"], **{"text-example": None})


def tokens(target: Any, english: Any) -> None:
    """The sentence under both tokenizers, side by side."""
    st.header("Two tokenizers", anchor=False)
    for column, name, cut in zip(
        st.columns(2, gap="large"), ("New tokenizer", "English tokenizer"), (target, english), strict=True
    ):
        with column:
            st.subheader(name, anchor=False)
            with st.container(horizontal=True):
                st.metric("Tokens", len(cut.segments), width="content")
                st.metric(
                    "Fertility",
                    f"{cut.fertility:.2f}" if cut.n_words else "–",
                    width="content",
                    help="Tokens a word; 1 is as good as it gets. In a script without spaces (Chinese) tokens a "
                    "character, where a token may hold several.",
                )
                st.metric(
                    "Bytes a token",
                    f"{cut.bytes_per_token:.2f}",
                    width="content",
                    help="UTF-8 bytes that a token covers on average: more is better, the model sees more text at once.",
                )
            st.html(sentence_view.spans(cut))
    st.caption(
        "One box is one token, its id below; ␣ is a space, ⟨E4⟩ a single byte of a character that was cut. Colours only "
        "tell neighbours apart. Fewer boxes for the same sentence: the tokenizer knows the language."
    )


def loss(result: str, words: str, k: int, tau: float) -> Any:
    """The loss of the sentence under the dials and under the result's own; returns the former."""
    now = services.sentence_loss(result, words, k, tau)
    if now is None:
        st.info("There is nothing to predict in this text: type a few words.")
        return None
    own_k, own_tau = dials.own(result)
    before = services.sentence_loss(result, words, own_k, own_tau)
    change = now.bits_per_byte - before.bits_per_byte
    has_dials = services.has_dials(result)
    with st.container(horizontal=True):
        st.metric(
            "Bits per byte",
            f"{now.bits_per_byte:.3f}",
            delta=f"{change:+.3f} by the dials" if (k, tau) != (own_k, own_tau) else None,
            delta_color="inverse",
            width="content",
            help=f"Loss {f'with k {k} and tau {tau:g}, ' if has_dials else ''}before any training. Lower is better.",
        )
        if has_dials:
            st.metric(
                "The result's own",
                f"{before.bits_per_byte:.3f}",
                width="content",
                help=f"With k {own_k} and tau {own_tau:g}, as in the result's folder.",
            )
        st.metric(
            "Guessing alike",
            f"{now.uniform:.3f}",
            width="content",
            help="Bits per byte of giving every token of the vocabulary the same chance.",
        )
    masked = services.summary(result).get("inputs", {}).get("source_model", {}).get("kind") == "masked"
    how = "all other tokens, itself hidden" if masked else "those before it"
    st.caption(
        f"The English model with the new rows, not trained yet, predicts each token from {how}. Below the guess of "
        f"equal chances is better than knowing nothing. One sentence says little: compare {'dials' if has_dials else 'results'} on several."
        + ("" if now.complete else f" Only the first {len(now.surprisals)} tokens are looked at.")
    )
    return now


def page() -> None:
    """Result, dials and sentence; tokens, gloss, loss."""
    widgets.header(
        "Sentence", "How a sentence is cut into tokens, which English tokens each is made of, and how it is predicted."
    )
    result = widgets.choose_result(services.list_results())
    try:
        k, tau = widgets.choose_dials(result)
        words = sentence(result)
        target, english = services.cut(result, words)
        if not target.segments:
            st.info("Type a sentence or pick an example.")
            return
        tokens(target, english)
        st.header("What each token is made of", anchor=False)
        place = st.empty()
        neighbors = [services.neighbors(result, part.id, dials.K_MOST, k, tau) for part in target.segments]
        place.html(sentence_view.gloss(target, neighbors))
        st.caption(
            f"Under each new token its {sentence_view.GLOSSED} largest English parts with their share, larger and darker "
            "the more they weigh; hover for more. The bar is how much the token surprises the model: 0 bits is certain, "
            f"a full bar {sentence_view.FULL_BAR} bits or more."
        )
        st.header("Loss before any training", anchor=False)
        scored = loss(result, words, k, tau)
        if scored:
            place.html(sentence_view.gloss(target, neighbors, scored.surprisals))
        dials.command(result, k, tau)
    except WechselError as error:
        widgets.show_error(error)


state.enter("sentence")
page()
state.remember("sentence")
