"""What is chosen on the map: one token that is open, and a set of tokens under a box or a lasso.

Both stand in the address: a small set by the keys of its tokens, a large one as packed bits, one a token of both
vocabularies. Only a set whose bits do not fit an address (tens of thousands of tokens picked here and there) stays in
the session, and a reload loses it.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import dials, map_data, services, state, tables, text, widgets

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

#: Tokens that are named one by one, and characters of a larger set's packed bits: servers and chat programs cut
#: addresses of more than some 8,000.
IN_ADDRESS, LONGEST = 50, 7_000
PACKED = "z"
KEPT = "map:selection"
RESULT = "map:result"


def follow(result: str) -> None:
    """Call when the result is known: what was chosen in another result is dropped."""
    before = st.session_state.get(RESULT)
    st.session_state[RESULT] = result
    if before not in (None, result):
        clear()
        state.put(source=None)


def clear() -> None:
    """Nothing is selected any more."""
    st.session_state.pop(KEPT, None)
    state.put(sel=None)


def take(chart: str, n_target: int, n_source: int) -> None:
    """A gesture on a figure: a click opens a token, a box or a lasso selects, a double click clears."""
    event = st.session_state[chart]["selection"]
    keys = list(dict.fromkeys(key for point in event["points"] if (key := _key(point))))
    if event["box"] or event["lasso"]:
        clear()
        written = ".".join(keys) if len(keys) <= IN_ADDRESS else pack(keys, n_target, n_source)
        if len(written) <= LONGEST:
            state.put(sel=written)
        else:
            st.session_state[KEPT] = keys
    elif keys:
        open_point(keys[-1])
    else:
        clear()


def pack(keys: list[str], n_target: int, n_source: int) -> str:
    """Many tokens for the address: ``z`` and the compressed bits of both vocabularies in letters that need no escape."""
    import numpy as np

    from wechsel_core.services import maps

    bits = np.zeros(n_target + n_source, dtype=bool)
    bits[[point for key in keys if (point := maps.point_of(key, n_target, n_source)) is not None]] = True
    return PACKED + base64.urlsafe_b64encode(zlib.compress(np.packbits(bits).tobytes(), 9)).decode().rstrip("=")


def unpack(given: str, n_points: int) -> np.ndarray:
    """Point numbers from packed bits; none where the text is damaged or of vocabularies of another size."""
    import numpy as np

    n_bytes = -(-n_points // 8)
    try:
        data = base64.b64decode(given[1:] + "=" * (-len(given[1:]) % 4), b"-_", validate=True)
        # No more than fits: an address may come from anybody.
        unpacked = zlib.decompressobj().decompress(data, n_bytes + 1)
    except (binascii.Error, zlib.error, ValueError):
        unpacked = b""
    if len(unpacked) != n_bytes:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.unpackbits(np.frombuffer(unpacked, np.uint8), count=n_points))


def _key(point: Any) -> str | None:
    given = point.get("customdata")
    given = given[0] if isinstance(given, list) and given else given
    return given if isinstance(given, str) else None


def open_point(key: str) -> None:
    """Open a token of either language."""
    target = key.startswith("t")
    state.put(token=key[1:] if target else None, source=None if target else key[1:], q=None)


def selected(n_target: int, n_source: int) -> np.ndarray | None:
    """Point numbers of the selection; None where nothing is selected. Keys of tokens that are not there are left out."""
    import numpy as np

    from wechsel_core.services import maps

    given = state.get("sel")
    if given and given.startswith(PACKED):
        packed = unpack(given, n_target + n_source)
        return packed if len(packed) else None
    keys = given.split(".") if given else st.session_state.get(KEPT)
    points = [maps.point_of(key, n_target, n_source) for key in keys or []]
    found = np.array([point for point in points if point is not None], dtype=np.int64)
    return found if len(found) else None


def show(view: map_data.View, points: np.ndarray | None, language: str) -> None:
    """The table of the selection, its downloads and a way to clear it."""
    st.header("Selection", anchor=False)
    if points is None:
        st.caption(
            "Choose Box Select or Lasso Select at the upper right of a figure and draw around tokens: both figures "
            "mark them and they are listed here. A click on a point opens that token."
        )
        return
    frame = _rows(view, points, language)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{len(points):,} {'token' if len(points) == 1 else 'tokens'} selected.")
        st.button("Clear selection", icon=":material/close:", key="map:clear", on_click=clear)
    shown = frame.head(tables.ROWS_SHOWN)
    st.dataframe(
        shown.assign(
            text=[text.visible(*pair) for pair in zip(shown["text"], shown["token"], strict=True)],
            token=[text.raw(token) for token in shown["token"]],
            nearest=[text.visible(*pair) for pair in zip(shown["nearest"], shown["nearest_token"], strict=True)],
        ),
        hide_index=True,
        column_order=list(_columns()),
        column_config=_columns(),
        alt="Selected tokens of both languages with their nearest token of the other one",
    )
    if len(frame) > len(shown):
        st.caption(f"The first {len(shown):,}; the downloads hold all.")
    tables.downloads(frame, f"{view.result}-selection", key="map:selection")


def _rows(view: map_data.View, points: np.ndarray, language: str) -> pd.DataFrame:
    frame = map_data.table(view)
    rows = frame.iloc[points]
    nearest = frame.iloc[rows["nearest"].clip(lower=0)]
    has = (rows["nearest"] >= 0).to_numpy()
    chosen = rows[["id", "text", "token", "kind", "similarity", "band", "script"]].reset_index(drop=True)
    chosen["language"] = ["English" if side == "source" else language for side in rows["language"]]
    for name, column in (("nearest", "text"), ("nearest_token", "token")):
        chosen[name] = nearest[column].reset_index(drop=True).where(has, "")
    chosen["nearest_id"] = nearest["id"].reset_index(drop=True).astype("Int64").where(has)
    return chosen


def _columns() -> dict[str, Any]:
    known = tables.token_columns()
    return {
        "language": st.column_config.TextColumn("Language", width="small"),
        "text": known["text"],
        "nearest": st.column_config.TextColumn(
            "Nearest of the other language", help="In the original space, from the stored candidates."
        ),
        "similarity": known["similarity"],
        "kind": known["kind"],
        "token": known["token"],
        "id": st.column_config.NumberColumn("Id", format="%d", help="Token id in its own tokenizer."),
    }


def card(
    view: map_data.View, point: int, neighbors: np.ndarray, weights: np.ndarray, language: str, k: int, tau: float
) -> Any:
    """The open token: its text, what belongs to it under the dials, and the way to the Neighbours page.

    Returns the place for the length of its row, None for an English token.
    """
    frame, names = map_data.table(view), map_data.texts(view)
    row = frame.iloc[point]
    is_target, norm = row["language"] == "target", None
    st.header("The open token", anchor=False)
    left, right = st.columns([4, 5], gap="large")
    with left:
        if is_target:
            config = services.summary(view.result)["config"]
            widgets.token_card(services.tokens(view.result).iloc[int(row["id"])], k, config)
            effective, norm = st.columns(2)
            dials.effective_metric(effective, view.result, int(row["id"]), k, tau)
            link: dict[str, Any] = {"result": view.result, "token": str(row["id"])}
        else:
            st.caption(f"Text of English token {row['id']}")
            st.code(text.code_safe(names[point]), language=None, wrap_lines=True)
            link = {"result": view.result, "english": row["text"].strip() or row["token"]}
        link |= {name: value for name in ("k", "tau") if (value := state.get(name))}
        st.page_link(widgets.NEIGHBOURS, label="Open on the Neighbours page", icon=":material/hub:", query_params=link)
        st.button(
            "Close",
            icon=":material/close:",
            key="map:close",
            on_click=lambda: state.put(token=None, source=None, q=None),
        )
    with right:
        if not len(neighbors):
            st.info("No token of the other language belongs to it.")
            return norm
        chosen = frame.iloc[neighbors]
        st.dataframe(
            {
                "text": [names[other] for other in neighbors.tolist()],
                "weight": weights.astype(float),
                "id": chosen["id"].to_numpy(),
            },
            hide_index=True,
            height="auto",
            column_config={
                "text": st.column_config.TextColumn("English token" if is_target else f"{language} token"),
                "weight": _weight_column(weights),
                "id": st.column_config.NumberColumn("Id", format="%d"),
            },
            alt="Tokens of the other language that belong to the open token, with weights",
        )
        st.caption(
            "From the original space, not from the picture: "
            + ("the English tokens mixed into its row." if is_target else "the new tokens that its row goes into.")
        )
    return norm


def _weight_column(weights: np.ndarray) -> Any:
    """A bar for shares; numbers where a method takes rows away or adds more than one."""
    label, words = "Weight", "Share of the English row in the new row, under the dials as they stand."
    if weights.min() < 0 or weights.max() > 1:
        return st.column_config.NumberColumn(label, format="%.3f", help=f"{words} Below 0 a row is taken away.")
    return st.column_config.ProgressColumn(label, format="%.3f", min_value=0, max_value=1, help=words)
