"""What can be taken from the map: figures as HTML, vectors for the Embedding Projector, the whole vocabulary in Atlas."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import figures, map_data, services, state, text

if TYPE_CHECKING:
    import numpy as np
    import plotly.graph_objects as go

    from wechsel_core.services.maps import Space

ATLAS_NEIGHBORS = 10


def html_button(figure: go.Figure, name: str) -> None:
    """The figure as an HTML file."""
    theme = st.context.theme.type
    st.download_button(
        "HTML",
        lambda: figures.standalone_html(figure, theme, name),
        f"{name}.html",
        "text/html",
        key=f"{name}:html",
        icon=":material/download:",
        help="The figure as one HTML file that works without a network. The camera in the figure saves it as PNG.",
        on_click="ignore",
    )


def projector_button(view: map_data.View, space: Space, points: np.ndarray, name: str) -> None:
    """The shown tokens for the Embedding Projector."""
    st.download_button(
        "Vectors",
        lambda: projector_files(view, space, points),
        f"{name}-projector.zip",
        "application/zip",
        key=f"{name}:tsv",
        icon=":material/download:",
        help="vectors.tsv and metadata.tsv of the shown tokens for TensorFlow's Embedding Projector: the vectors of "
        "the original space, not of the picture.",
        on_click="ignore",
    )


def projector_files(view: map_data.View, space: Space, points: np.ndarray) -> bytes:
    """``vectors.tsv`` (a row a token, no head) and ``metadata.tsv`` (with a head), zipped."""
    import numpy as np

    from wechsel_core.services import maps

    vectors = maps.original_vectors(map_data.original(view, space), space, points)
    numbers = io.StringIO()
    np.savetxt(numbers, vectors, fmt="%.6g", delimiter="\t")
    # A tab or a line break inside a token would shift every row after it: ``visible`` leaves none.
    names, frame = map_data.texts(view), map_data.table(view).iloc[points]
    head = "token\tlanguage\tid\tkind\tsimilarity\tscript\tfrequency_rank\tword_initial\n"
    lines = [
        f"{names[point]}\t{row.language}\t{row.id}\t{row.kind}\t{row.similarity:.4f}\t{row.script}\t{row.id + 1}\t"
        f"{row.word_initial}\n"
        for point, row in zip(points.tolist(), frame.itertuples(), strict=True)
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("vectors.tsv", numbers.getvalue())
        archive.writestr("metadata.tsv", head + "".join(lines))
    return packed.getvalue()


def atlas(view: map_data.View, space: Space, language: str) -> None:
    """All tokens of both languages in Apple's Embedding Atlas, if it is installed."""
    with st.expander(
        "The whole vocabulary in Embedding Atlas", icon=":material/public:", expanded=state.get("atlas") == "True"
    ):
        if importlib.util.find_spec("embedding_atlas") is None:
            st.write(
                "Apple's Embedding Atlas draws millions of points on the graphics card. It is an optional extra: "
                "install it beside the lab and start the lab again."
            )
            st.code("make atlas", language="bash")
            st.caption(
                "The view here needs none of its many libraries, and that command leaves them out. Its page fetches "
                "DuckDB from the internet, and the browser needs WebGPU or WebGL 2."
            )
            return
        if not st.toggle(
            "Show all tokens",
            help="Projects both vocabularies in full by PCA.",
            **state.linked("atlas", state.get("atlas") == "True", default=False),
        ):
            return
        from embedding_atlas.streamlit import embedding_atlas  # type: ignore[import-not-found]

        embedding_atlas(_atlas_frame(view, space, language), x="x", y="y", text="token", neighbors="neighbors")
        st.caption("All tokens by PCA on the axes of the sample; neighbours are those of the original space.")


@st.cache_resource(max_entries=1, show_spinner="Projecting both vocabularies")
def _atlas_frame(view: map_data.View, space: Space, language: str) -> Any:
    import numpy as np
    import pandas as pd

    vectors, frame = map_data.rows(view, space), map_data.table(view)
    points = np.arange(len(frame)) if space == "model" else vectors.drawable(np.arange(len(frame)))
    axes = map_data.pca_axes(view, space)
    places = axes.project(vectors.of(space, points))
    # A row is called by its place in the frame, so its neighbours have to be as well.
    place_of = np.full(len(frame), -1)
    place_of[points] = np.arange(len(points))
    stored = services.stored(view.result).candidates
    n_target = len(stored.kind)

    def neighbors(point: int) -> dict[str, list[Any]]:
        if point >= n_target:
            return {"ids": [], "distances": []}
        ids = stored.ids[point, :ATLAS_NEIGHBORS]
        rows = np.where(ids >= 0, place_of[ids + n_target], -1)
        return {
            "ids": rows[rows >= 0].tolist(),
            "distances": (1 - stored.similarities[point, : len(rows)])[rows >= 0].tolist(),
        }

    names = map_data.texts(view)
    return pd.DataFrame(
        {
            "x": places[:, 0],
            "y": places[:, 1],
            "token": [names[point] for point in points.tolist()],
            "language": ["English" if side == "source" else language for side in frame["language"].iloc[points]],
            "kind": frame["kind"].iloc[points].to_list(),
            "similarity": frame["similarity"].iloc[points].to_numpy(),
            "script": frame["script"].iloc[points].to_list(),
            "neighbors": [neighbors(point) for point in points.tolist()],
        }
    )


def readable_name(code: str) -> str:
    """The name of a language by its code; the code itself for one that the catalogue does not know."""
    known = {entry["code"]: entry["name"] for entry in services.languages()}
    return text.escape_markdown(known.get(code, code))
