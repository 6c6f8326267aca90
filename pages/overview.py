"""What the lab does, what is here, what was made last."""

import streamlit as st

from ui import figures, init_form, services, state, text, tour, widgets

RECENT = 5
BIBTEX = """@inproceedings{minixhofer-etal-2022-wechsel,
  title     = {{WECHSEL}: Effective initialization of subword embeddings for cross-lingual transfer
               of monolingual language models},
  author    = {Minixhofer, Benjamin and Paischer, Fabian and Rekabsaz, Navid},
  booktitle = {Proceedings of the 2022 Conference of the North American Chapter of the Association
               for Computational Linguistics: Human Language Technologies},
  year      = {2022},
  pages     = {3992--4006},
  url       = {https://aclanthology.org/2022.naacl-main.293}
}"""


def method() -> None:
    """The method in words and drawings."""
    st.title("WECHSEL Lab")
    st.write(
        "WECHSEL moves an English language model to another language. The model keeps its weights; it gets a tokenizer "
        "for the new language, and every new token starts from the English tokens that mean the same."
    )
    st.html(figures.five_steps(st.context.theme.type))
    st.caption(
        "Read from left to right. Blue circles are English, orange squares the new language; the thicker a line, the "
        "closer the neighbour and the larger its share."
    )
    with st.container(horizontal=True):
        for newest in services.list_results()[:1]:
            widgets.neighbours_link(newest["id"], "Look at a finished result")
        st.page_link(widgets.INITIALISE, label="Initialise a model", icon=":material/swap_horiz:")


def recent() -> None:
    """The last results, each a link."""
    st.subheader("Recent results", anchor=False)
    results = services.list_results()
    for entry in results[:RECENT]:
        widgets.neighbours_link(entry["id"], text.escape_markdown(widgets.result_name(entry)))
    if len(results) > RECENT:
        st.caption(f"The newest {RECENT} of {len(results)}; Neighbours lists all.")


def available() -> None:
    """Models, languages and the tiers that they come from."""
    st.subheader("What is available", anchor=False)
    tier = st.column_config.TextColumn("Tier", width="small", help="Where the files come from; see below.")
    st.dataframe(
        services.models(),
        hide_index=True,
        column_order=["name", "tier", "available", "note"],
        column_config={
            "name": st.column_config.TextColumn("English model", help="What the command line calls it, too."),
            "tier": tier,
            "available": st.column_config.CheckboxColumn("Here", width="small", help="Usable without a network."),
            "note": st.column_config.TextColumn("Note", width="large"),
        },
        alt="English models of the catalogue",
    )
    st.dataframe(
        services.languages(),
        hide_index=True,
        column_order=["name", "native_name", "code", "tier"],
        column_config={
            "name": st.column_config.TextColumn("Target language"),
            "native_name": st.column_config.TextColumn("Own name"),
            "code": st.column_config.TextColumn("Code", width="small", help="What the command line calls it."),
            "tier": tier,
        },
        alt="Target languages of the catalogue",
    )
    st.caption(". ".join(f"Tier {name}: {where}" for name, where in init_form.TIERS.items()) + ".")


def citation() -> None:
    """How to cite the paper."""
    st.subheader("Cite the paper", anchor=False)
    st.write(
        "Benjamin Minixhofer, Fabian Paischer and Navid Rekabsaz. "
        "[WECHSEL: Effective initialization of subword embeddings for cross-lingual transfer of monolingual language "
        "models](https://aclanthology.org/2022.naacl-main.293). NAACL 2022."
    )
    with st.expander("BibTeX", icon=":material/format_quote:"):
        st.code(BIBTEX, language=None)


state.enter("overview")
method()
tour.overview()
recent()
available()
citation()
