"""Pieces that several pages share: errors, result names, the summary of a result, one token."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from ui import dials, services, state, tables, text
from wechsel_core.config import InitConfig
from wechsel_core.errors import WechselError

KINDS = {
    "mixed": "Mixed: the new row is the weighted mean of the rows of its {k} nearest English tokens.",
    "copied": "Copied: a special token takes over the English row of the same role unchanged.",
    "fallback": "Fallback: the token has no static vector, so its row is drawn at random around the English mean.",
    "byte piece": "Byte piece: part of a character, copied from the same bytes of the English tokenizer.",
}
#: The same of methods whose rows are not the mean of the k nearest; {own} says what the method does.
OTHER_KINDS = {
    "mixed": "Mixed: English rows are put together. {own}",
    "copied": "Copied: an English row is taken over unchanged, that of the same role or of the same token.",
    "fallback": "Fallback: the row is made of no English row in particular. {own}",
}
INITIALISE, NEIGHBOURS = "pages/initialise.py", "pages/neighbours.py"


def header(title: str, sentence: str) -> None:
    """A page's title and what the page is for."""
    st.title(title)
    st.caption(sentence)


def show_error(error: WechselError) -> None:
    """The library's error in its own words, as text."""
    words = text.escape_markdown(str(error))
    st.error(words[:1].upper() + words[1:], icon=":material/error:")


def moment(iso: str) -> str:
    """A stored time as date and minute; the text itself if it is none."""
    try:
        return datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return iso


def kind_meanings(config: dict[str, Any]) -> dict[str, str]:
    """A sentence on each kind of row, for a result of a configuration."""
    known = services.method(InitConfig.from_dict(config))
    if known["dials"]:
        return {name: words.format(k=config["neighbors"]) for name, words in KINDS.items()}
    own = f"{known['title']}: {known['sentence']}"
    return {name: OTHER_KINDS.get(name, words).format(own=own) for name, words in KINDS.items()}


def choose_dials(result_id: str) -> tuple[int, float]:
    """The dials of a result; where it has none, the reason in their place and its own values, which say nothing."""
    if services.has_dials(result_id):
        return dials.choose(result_id)
    st.caption(no_dials(result_id))
    return dials.own(result_id)


def no_dials(result_id: str) -> str:
    """Why a result has no dials, in a sentence."""
    config = InitConfig.from_dict(services.summary(result_id)["config"])
    method = services.method(config)
    what = f"{config.weighting} weights" if method["dials"] else f"the weights of {method['title']}"
    return f"No dials here: {what} do not follow from k and tau alone. The result is shown as it was made."


def result_name(entry: dict[str, Any]) -> str:
    """One line that tells a result from others."""
    made = "example, came with the lab" if entry["example"] else moment(entry["created"])
    parts = [f"{entry['source']} → {entry['target_language']}", entry["method"]]
    if entry["neighbors"] is not None:
        parts.append(f"k {entry['neighbors']}")
    if entry["temperature"] is not None:
        parts.append(f"tau {entry['temperature']:g}")
    parts += [f"{name.replace('_', ' ')} {file}" for name, file in entry["given"].items()]
    parts += [
        name.replace("_", " ") + ("" if value is True else f" {value}") for name, value in entry["options"].items()
    ]
    return " · ".join([*parts, made])


def choose_result(results: list[dict[str, Any]]) -> str:
    """The result in the address, or the newest; stops the page where the address names one that is not there."""
    ids = {entry["id"]: entry for entry in results}
    wanted = state.get("result")
    if wanted is None and not results:
        st.error("There is no result here, not even the example that comes with the lab.", icon=":material/error:")
        st.page_link(INITIALISE, label="Initialise a model", icon=":material/swap_horiz:")
        st.stop()
    if wanted is None:
        wanted = results[0]["id"]
        # Into the address at once: a bookmark must not follow results made later.
        state.put(result=wanted)
    known = wanted in ids
    st.selectbox(
        "Result",
        list(ids),
        format_func=lambda name: result_name(ids[name]),
        placeholder="Choose a result",
        help="Initialisations made on this machine, newest first; below them the example that comes with the lab.",
        **state.linked("result", wanted if known else None, after=lambda: state.put(token=None)),
    )
    if not known:
        st.error(
            f"There is no result {text.escape_markdown(wanted)}; it may have been deleted or made on another machine. "
            "Choose one above, or make a new one.",
            icon=":material/error:",
        )
        st.page_link(INITIALISE, label="Initialise a model", icon=":material/swap_horiz:")
        st.stop()
    return wanted


def neighbours_link(result_id: str, words: str) -> None:
    """A link to a result's neighbours."""
    st.page_link(NEIGHBOURS, label=words, icon=":material/hub:", query_params={"result": result_id})


def summary(manifest: dict[str, Any]) -> None:
    """What an initialisation did: kinds of rows, alignment quality, warnings, timings."""
    for warning in manifest.get("warnings", []):
        st.warning(text.escape_markdown(warning), icon=":material/warning:")
    if beyond := manifest.get("options_beyond_paper"):
        st.info("Beyond the paper: " + text.escape_markdown(", ".join(beyond)), icon=":material/science:")
    _counts(manifest["counts"], kind_meanings(manifest["config"]))
    if "dictionary" in services.method(InitConfig.from_dict(manifest["config"]))["needs"]:
        _alignment(manifest.get("alignment") or {})
    with st.expander("Timings", icon=":material/timer:"):
        seconds = manifest.get("timings") or {}
        st.dataframe(
            pd.DataFrame({"step": list(seconds), "seconds": list(seconds.values())}),
            hide_index=True,
            height="content",
            column_config={
                "step": st.column_config.TextColumn("Step"),
                "seconds": st.column_config.NumberColumn("Seconds", format="%.2f", help="Wall-clock time."),
            },
            alt="Seconds that each step took",
        )


def _counts(counts: dict[str, int], meanings: dict[str, str]) -> None:
    st.subheader("Where the new rows come from", anchor=False)
    total = counts.get("tokens", 0)
    rows = {name: counts.get(name, 0) for name in ("mixed", "copied", "fallback")}
    # The rest; "byte_pieces" in the counts is all of the tokenizer's, copied or not.
    rows["byte piece"] = total - sum(rows.values())
    table = [
        {
            "kind": name.capitalize(),
            "tokens": number,
            "share": number / max(total, 1),
            "meaning": meanings[name].split(": ", 1)[1],
        }
        for name, number in rows.items()
    ]
    st.dataframe(
        pd.DataFrame(table),
        hide_index=True,
        height="content",
        column_config={
            "kind": st.column_config.TextColumn("Kind", width="small"),
            "tokens": st.column_config.NumberColumn("Tokens", format="localized", width="small"),
            "share": st.column_config.ProgressColumn(
                "Share", format="percent", min_value=0, max_value=1, width="small", help="Of all tokens."
            ),
            "meaning": st.column_config.TextColumn("What it means", width="large"),
        },
        alt="Number and share of target tokens by kind of row",
    )
    st.caption(
        f"{total:,} tokens in the new tokenizer, {counts.get('byte_pieces', 0):,} of them pieces of a character; "
        f"{counts.get('duplicate_rows', 0):,} mixed rows equal another one exactly, most often that of a word with and "
        "without its leading space."
    )


def _alignment(alignment: dict[str, Any]) -> None:
    st.subheader("Alignment quality", anchor=False)
    held_out = alignment.get("held_out") or {}
    everywhere = (held_out.get("cosine") or {}).get("all") or {}
    if "p_at_1" not in everywhere:
        st.info("Too few dictionary pairs to hold some out, so the alignment was not measured.")
        return
    with st.container(horizontal=True):
        one, five = st.container(width=140), st.container(width=140)
    one.metric("P@1", f"{everywhere['p_at_1']:.0%}", help="Held-out words whose translation is the nearest word.")
    five.metric(
        "P@5", f"{everywhere['p_at_5']:.0%}", help="Held-out words whose translation is among the nearest five."
    )
    rows = [
        {"by": by_name, "words": words_name, **{key: part.get(key) for key in ("p_at_1", "p_at_5", "p_at_10", "n")}}
        for by, by_name in (("cosine", "Cosine"), ("csls", "CSLS"))
        for words, words_name in (("all", "all"), ("frequent", "frequent"))
        if (part := (held_out.get(by) or {}).get(words))
    ]
    percent = {
        f"p_at_{n}": st.column_config.NumberColumn(
            f"P@{n}", format="percent", width="small", help=f"Share whose translation is among the nearest {n}."
        )
        for n in (1, 5, 10)
    }
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        column_config={
            "by": st.column_config.TextColumn("Search by", help="CSLS corrects for words that are near to everything."),
            "words": st.column_config.TextColumn("Words", help="All held-out words, or only the frequent ones."),
            **percent,
            "n": st.column_config.NumberColumn("Words tried", format="localized"),
        },
        alt="Retrieval of held-out translations by similarity and word frequency",
    )
    st.caption(
        f"{alignment.get('pairs_usable', 0):,} of {alignment.get('pairs_offered', 0):,} dictionary pairs usable; "
        f"{held_out.get('folds', '?')} folds, searched among {held_out.get('searched_words', 0):,} words. "
        "Higher is better; the dictionary bounds it, a word often has several good translations."
    )


def token_card(row: Any, k: int, config: dict[str, Any]) -> None:
    """One target token as text: readable, as stored, and where its row comes from under k, in a result of a config."""
    readable, stored = st.columns(2)
    with readable:
        st.caption("Text")
        st.code(text.code_safe(text.visible(row.text, row.token)), language=None, wrap_lines=True)
    with stored:
        st.caption(f"Token {row.target_id} as stored")
        st.code(text.code_safe(text.raw(row.token)), language=None, wrap_lines=True)
    st.write(text.escape_markdown(kind_meanings(config | {"neighbors": k}).get(row.kind, "")))


def token_table(frame: pd.DataFrame, shown: pd.DataFrame, columns: dict[str, Any], name: str, alt: str) -> None:
    """A table that is only read, with its downloads."""
    st.dataframe(shown, hide_index=True, column_order=list(columns), column_config=columns, alt=alt, height="auto")
    tables.downloads(frame, name, key=name)
