"""The live dials k and tau: what a finished result would be with other values, worked out from its candidates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import figures, init_form, services, state, text
from wechsel_core.config import InitConfig
from wechsel_core.errors import WechselError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

K_MOST = 50
TAU_LEAST, TAU_MOST = 0.01, 10.0
#: Even steps on a log scale, 20 a decade.
TAUS = tuple(float(f"{10 ** (step / 20):.2g}") for step in range(-40, 21))
HISTOGRAM_HEIGHT = 205


def own(result_id: str) -> tuple[int, float]:
    """The k and tau that a result was made with."""
    config = services.summary(result_id)["config"]
    return int(config["neighbors"]), float(config["temperature"])


def choose(result_id: str) -> tuple[int, float]:
    """The two dials and their reset, tied to ``k`` and ``tau`` of the address; returns (k, tau)."""
    own_k, own_tau = own(result_id)
    k_most = max(K_MOST, own_k)
    k = int(_from_address("k", own_k, 1, k_most, whole=True))
    tau = _from_address("tau", own_tau, min(TAU_LEAST, own_tau), max(TAU_MOST, own_tau))
    left, right = st.columns(2)
    with left:
        k = st.slider(
            "Neighbours mixed (k)",
            1,
            k_most,
            help=f"{init_form.help_text('neighbors')} This result was made with {own_k}.",
            **state.linked("k", k, default=own_k),
        )
    with right:
        tau = st.select_slider(
            "Temperature (tau)",
            sorted({*TAUS, own_tau, tau}),
            format_func=lambda value: f"{value:g}",
            help=f"{init_form.help_text('temperature')} Log scale. This result was made with {own_tau:g}.",
            **state.linked("tau", tau, default=own_tau),
        )
    changed = (k, tau) != (own_k, own_tau)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Reset",
            icon=":material/undo:",
            key="dials:reset",
            disabled=not changed,
            help=f"Back to the result's own k {own_k} and tau {own_tau:g}.",
            on_click=lambda: state.put(k=None, tau=None),
        )
        st.caption(
            f"Shown with k {k} and tau {tau:g}; the result itself has k {own_k} and tau {own_tau:g}."
            if changed
            else "The result's own values. Move a dial to see what another one would do; nothing is written."
        )
    return k, tau


def _from_address(name: str, default: float, low: float, high: float, *, whole: bool = False) -> float:
    """A dial's value from the address; the result's own, and a word about it, where the address has no such value."""
    given = state.get(name)
    if given is None:
        return default
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if low <= value <= high and (value == int(value) or not whole):
        return value
    st.warning(
        text.escape_markdown(
            f"The address says {name}={given}, which this dial cannot show; it stands at the result's {default:g}."
        ),
        icon=":material/warning:",
    )
    return default


def effective_metric(place: Any, result_id: str, token: int, k: int, tau: float) -> None:
    """How many neighbours a token's weights amount to, and what the dials changed about it."""
    now, before = (
        float(services.token_weights(result_id, *values).effective[token]) for values in ((k, tau), own(result_id))
    )
    place.metric(
        "Effective neighbours",
        f"{now:.2f}",
        delta=f"{now - before:+.2f} by the dials" if abs(now - before) >= 0.005 else None,
        delta_color="off",
        help="How many neighbours the weights amount to: exp of their entropy. 1 if one takes all, k if all weigh the "
        "same.",
    )


def norm_metric(place: Any, result_id: str, token: int, k: int, tau: float) -> None:
    """The length of a token's row; call it last on a page, as the first time it has to load the model."""
    try:
        with place:
            norm = services.row_norm(result_id, token, k, tau)
    except WechselError as error:
        place.caption("Length of the row: " + text.escape_markdown(str(error)))
        return
    place.metric(
        "Length of the row",
        f"{norm.norm:.3f}",
        delta=f"{norm.norm / norm.source_median:.2f} x English median" if norm.source_median else None,
        delta_color="off",
        delta_arrow="off",
        help=f"Euclidean norm of the new row. The English rows have {norm.source_median:.3f} in the middle; "
        f"{norm.percentile:.0f}% of them are shorter than this one. A mean of rows that point apart is short.",
    )


def command(result_id: str, k: int, tau: float) -> None:
    """The command line that makes a result with these dials, where they are not the result's own."""
    if (k, tau) == own(result_id):
        return
    place = st.expander(
        "Make a result with these dials", icon=":material/terminal:", key="dials:command", on_change="rerun"
    )
    if not place.open:  # closed, it need not be worked out with every move
        return
    values = services.summary(result_id)["config"] | {"neighbors": k, "temperature": tau}
    config = InitConfig.from_dict(values)
    with place:
        st.code(init_form.command(config, services.default_out(config)), language="bash")
        st.caption("On a command line, in the folder of the lab.")


def histogram(result_id: str, k: int, tau: float) -> None:
    """How many neighbours the rows amount to, over all mixed tokens: under these dials and under the result's own."""
    mixed = services.stored(result_id).mixed
    now = services.token_weights(result_id, k, tau).effective[mixed]
    before = services.token_weights(result_id, *own(result_id)).effective[mixed]
    if not len(now):
        return
    st.vega_lite_chart(
        _histogram_data(now, before),
        _histogram_spec(st.context.theme.type),
        key="effective",
        alt="Histogram of the effective number of neighbours over all mixed tokens",
    )
    st.caption(
        f"All {len(now):,} mixed tokens by how many neighbours their weights amount to: filled under these dials "
        f"(median {_median(now):.1f}), dotted line as the result was made (median {_median(before):.1f}). "
        "Far to the left one neighbour takes all; at k all weigh the same."
    )


def _median(values: np.ndarray) -> float:
    import numpy as np

    return float(np.median(values))


def _histogram_data(now: np.ndarray, before: np.ndarray) -> pd.DataFrame:
    """The share of tokens in each of 40 bins, under the dials and under the result's own; the last row ends the line."""
    import numpy as np
    import pandas as pd

    most = max(float(now.max()), float(before.max()), 2.0)
    edges = np.linspace(1, math.ceil(most), 41)
    # The last digits of 1.0 may lie below it.
    these, others = (np.histogram(np.maximum(values, 1), edges)[0] / len(values) for values in (now, before))
    return pd.DataFrame(
        {
            "from": edges,
            "to": np.append(edges[1:], edges[-1]),
            "now": np.append(these, 0),
            "own": np.append(others, others[-1]),
        }
    )


def _histogram_spec(theme: str | None) -> dict[str, Any]:
    """The histogram in Vega-Lite; it does not depend on the values (see ``figures.weights_spec``)."""
    x = {
        "field": "from",
        "type": "quantitative",
        "title": "Effective number of neighbours",
        "scale": {"zero": False, "nice": False},
        "axis": {"grid": False, "tickCount": 8},
    }
    share = {
        "type": "quantitative",
        "title": "Share of tokens",
        "axis": {"format": ".0%", "tickCount": 4, "labelFlush": False},
    }
    shown = [
        ("from", "Neighbours from", ".1f"),
        ("to", "to", ".1f"),
        ("now", "Under these dials", ".1%"),
        ("own", "The result's own", ".1%"),
    ]
    return {
        "height": HISTOGRAM_HEIGHT,
        "encoding": {"x": x},
        "layer": [
            {
                "mark": {"type": "bar", "binSpacing": 1, "color": figures.BARS.get(theme, figures.BARS["light"])},
                "encoding": {
                    "x": x | {"bin": "binned"},
                    "x2": {"field": "to"},
                    "y": share | {"field": "now"},
                    "tooltip": [
                        {"field": name, "title": title, "format": digits, "type": "quantitative"}
                        for name, title, digits in shown
                    ],
                },
            },
            {
                "mark": {
                    "type": "line",
                    "interpolate": "step-after",
                    "strokeDash": [2, 3],
                    "strokeWidth": 2,
                    "color": figures.INKS.get(theme, figures.INKS[None]),
                },
                "encoding": {"y": share | {"field": "own"}},
            },
        ],
    }
