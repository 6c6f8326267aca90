"""Both languages in one picture: before and after the alignment, on the way, and in the model."""

from typing import Any

import streamlit as st

from ui import (
    dials,
    figures,
    map_controls,
    map_data,
    map_export,
    map_figures,
    map_selection,
    map_turning,
    services,
    state,
    text,
    widgets,
)
from wechsel_core.config import InitConfig
from wechsel_core.errors import WechselError

TURNING_POINTS, TURNING_STEPS = 3_000, 21
FOCUS_NEIGHBORS = 50
NOT_ALIGNED = "The static vectors as they are"
TITLES = {"before": "Before the alignment", "after": "After the alignment", "model": "The model's embeddings"}


def made_by(result: str) -> str:
    """What the method of a result does, as text."""
    config = InitConfig.from_dict(services.summary(result)["config"])
    return text.escape_markdown(services.method(config)["sentence"])


def reading(controls: map_controls.Controls, language: str) -> str:
    """One sentence on how to read a figure of points."""
    view = controls.view
    if view.method == "umap":
        return (
            f"UMAP (n_neighbors {view.n_neighbors}, min_dist {view.min_dist:g}, metric cosine, seed {view.seed}) lays "
            "each space out by itself: near points are similar tokens, while directions, sizes and far distances mean "
            "nothing. Tokens that a search adds are put among their nearest."
        )
    if controls.space == "model":
        words = f"PCA of the English and the {language} rows together"
        if services.has_dials(view.result):
            return (
                f"{words}: a new row lies among the English rows that it is mixed from, nearer to the middle, since a "
                "mean is shorter than its parts."
            )
        return f"{words}, as the method made them. {made_by(view.result)}"
    if not controls.aligned:
        return (
            f"PCA of the {language} and the English tokens together, vectors of length 1 that nobody has aligned: where "
            "the languages meet they meet by chance."
        )
    return (
        f"PCA of the {language} and the aligned English tokens together, vectors of length 1; both figures have these "
        f"axes, so {language} tokens stay where they are and only English ones move. Points on one place mean the same "
        "direction in these two axes, not in all."
    )


def drawn_figure(
    controls: map_controls.Controls, space: Any, layout: Any, hover: list[str], drawn: Any, extent: Any
) -> None:
    """One figure of points with its downloads."""
    view, name = controls.view, f"{controls.view.result}-{space}-{controls.view.method}"
    title = TITLES[space] if controls.aligned or space == "model" else NOT_ALIGNED
    figure = map_figures.map_figure(title, layout, hover, map_data.table(view), map_data.texts(view), drawn, extent)
    key, stored = f"map:{space}", services.stored(view.result)
    sizes = len(stored.target_texts), len(stored.source_texts)
    st.plotly_chart(
        figure,
        key=key,
        on_select=lambda: map_selection.take(key, *sizes),
        selection_mode=("points", "box", "lasso"),
        config=figures.plot_config(name),
        alt=f"{title}: tokens of both languages in two dimensions",
    )
    with st.container(horizontal=True):
        map_export.html_button(figure, name)
        map_export.projector_button(view, space, layout.points, name)


def point_figures(controls: map_controls.Controls, drawn: Any, k: int, tau: float, language: str) -> None:
    """One or two figures of points, with the open token and what belongs to it always in them."""
    spaces = ["model"]
    if controls.space == "static":
        spaces = ["before", "after"] if controls.aligned else ["after"]
    extra = [] if drawn.focus is None else [drawn.focus.point, *drawn.focus.neighbors.tolist()]
    pictures = [map_data.picture(controls.view, space, extra, k, tau) for space in spaces]
    layouts = [layout for layout, _ in pictures]
    if controls.closer and extra:
        extents = [map_data.extent([layout], extra) for layout in layouts]
    else:
        # PCA's two figures have one pair of axes, so they have one scale; UMAP's have nothing in common.
        extents = [map_data.extent(layouts if controls.view.method == "pca" else [layout]) for layout in layouts]
    columns = st.columns(len(spaces), gap="medium")
    for column, space, (layout, hover), extent in zip(columns, spaces, pictures, extents, strict=True):
        with column:
            drawn_figure(controls, space, layout, hover, drawn, extent)
    st.caption(reading(controls, language))
    missing = map_data.without_vector(controls.view) if controls.space == "static" else 0
    shown = f"{len(pictures[0][0].points):,} tokens drawn"
    st.caption(
        f"{shown}, a random sample of both languages (seed {controls.view.seed})"
        + (" and the words of the dictionary. " if controls.aligned else ". ")
        + (f"{missing:,} of the sample have no static vector and are left out. " if missing else "")
        + "Neighbours and lines come from the original space."
    )


def rotation_figure(controls: map_controls.Controls, drawn: Any, language: str) -> None:
    """The animation from before to after."""
    view = controls.view
    layout, parts, places, mirrored = map_data.turning(view, TURNING_POINTS, TURNING_STEPS)
    names = [map_data.texts(view)[point] for point in layout.points.tolist()]
    moves = layout.points >= len(services.stored(view.result).target_texts)
    figure = map_turning.turning_figure(layout, parts, places, moves, names, drawn)
    name = f"{view.result}-rotation"
    st.plotly_chart(
        figure, key="map:turning", config=figures.plot_config(name), alt="Animation: English tokens turn into place"
    )
    st.caption(
        f"Press Play: the English tokens turn from their own place onto the {language} ones, which stay, and the lines "
        "between words of the dictionary shorten as translations meet. The axes are the two directions in which these "
        "pairs come together most; the numbers below count all directions."
    )
    if mirrored:
        st.caption(
            "This alignment mirrors the space besides turning it. The mirroring is drawn as half a turn through one "
            "further dimension, so one direction is squeezed flat half-way."
        )
    map_export.html_button(figure, name)


def pair_figures(view: map_data.View) -> None:
    """How near the two words of a pair are, in numbers of the original space."""
    known = map_data.pairs(view)
    if known.empty:
        st.info("No pair of the dictionary is one token in both vocabularies, so there is no line to draw.")
        return
    with st.container(horizontal=True):
        for label, column, help_text in (
            ("Mean cosine of pairs", "cosine", "Of the two words' vectors: 1 is the same direction, 0 is unrelated."),
            (
                "Mean length of the lines",
                "length",
                "Distance of the two vectors of length 1: 0 is the same, 1.41 unrelated.",
            ),
        ):
            before, after = known[f"{column}_before"].mean(), known[f"{column}_after"].mean()
            st.metric(label, f"{before:.2f} → {after:.2f}", help=help_text, width=220)
    st.caption(
        f"{len(known)} pairs of the dictionary, the most frequent that are one token in both vocabularies; before → "
        "after the alignment, measured in the original space. Two principal axes or UMAP may draw a line longer than it is; "
        "The rotation is drawn along the directions in which the pairs meet."
    )


def page() -> None:
    """Result and controls, the figures, the open token, the selection, the whole vocabulary."""
    widgets.header(
        "Map", "Both languages as points: tokens that mean the same should lie at one place after the alignment."
    )
    results = services.list_results()
    result = widgets.choose_result(results)
    map_selection.follow(result)
    try:
        controls = map_controls.draw(result)
        stored = services.stored(result)
        sizes = len(stored.target_texts), len(stored.source_texts)
        language = map_export.readable_name(services.summary(result)["config"]["target_language"])
        opened = bool(state.get("k") or state.get("tau"))
        has_dials = services.has_dials(result)
        with st.expander("Dials: k and tau", icon=":material/tune:", expanded=opened) if has_dials else st.container():
            k, tau = widgets.choose_dials(result)
        point = map_controls.open_point(result, *sizes)
        focus = (
            None
            if point is None
            else map_figures.Focus(point, *map_data.neighbors_of(controls.view, point, k, tau, FOCUS_NEIGHBORS))
        )
        chosen = map_selection.selected(*sizes)
        drawn = map_figures.Drawn(
            controls.colour,
            st.context.theme.type or "light",
            language,
            chosen,
            focus,
            map_data.pairs(controls.view) if controls.with_pairs else None,
        )
        if controls.space == "turning":
            rotation_figure(controls, drawn, language)
        else:
            point_figures(controls, drawn, k, tau, language)
        if controls.with_pairs:
            pair_figures(controls.view)
        norm = None
        if focus is not None:
            norm = map_selection.card(controls.view, focus.point, focus.neighbors, focus.weights, language, k, tau)
        if controls.space != "turning":
            map_selection.show(controls.view, chosen, language)
        map_export.atlas(controls.view, "model" if controls.space == "model" else "after", language)
        if focus is not None and norm is not None:
            dials.norm_metric(norm, result, focus.point, k, tau)
    except WechselError as error:
        widgets.show_error(error)


state.enter("map")
page()
state.remember("map")
