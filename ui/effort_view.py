"""The effort ratio on the Curves page: the numbers, what they say and do not say, scores at shares of the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from ui import tables, text
from wechsel_core.errors import WechselError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wechsel_core.services.curves import Effort, Regime
    from wechsel_core.services.run_curves import RunCurve

#: A random arm that lost less than this over the last tenth of its budget counts as flat.
FLAT = 0.01
#: From this share of the paper's tokens on, a run is called long.
LONG = 0.1

SAYS = """
- **What it says.** Take L, the best held-out loss that the random arm reaches in its budget. The ratio is the steps that
  random needs to reach L, divided by the steps that the other arm needs; between two scores the curve counts as
  straight. It is worked out seed by seed, from runs that share tokenizer, data order, held-out text, batch and schedule,
  and differ in their initialisation alone. 3× means: a third of the steps to the same loss.
- **≥ and ≤.** An arm that is below L before its first step needs fewer steps than the first score can show: its ratio is
  a lower bound. One that never reaches L within its budget has an upper bound.
- **What it does not say.** It is no speed: a step costs the same in every arm. It is no quality: both arms may end close
  together, and with a longer budget L is lower and the ratio another. The learning rate falls to zero over the whole
  budget, so an arm that reaches L early does so at a high learning rate; a run planned that short would get a little
  further. And it holds for this text, this model and this budget.
- **The paper's 64x is another comparison.** Its abstract speaks of outperforming "models of comparable size trained from
  scratch with up to 64x less training effort". That sets the tokens seen by a transferred RoBERTa beside those of a model
  that others trained from scratch elsewhere, on their own data and by their own recipe; the number fits the French
  RoBERTa after a tenth of its training against CamemBERT. It is not WECHSEL against a random start of the same run,
  which is what stands here.
"""
PAPER_GAP = (
    "After 250,000 steps the paper's GPT-2 models were 2 to 4% below those from scratch in perplexity in French, German, "
    "Chinese and Swahili, and 12 to 25% in Sundanese, Scottish Gaelic, Uyghur and Malagasy"
)


def section(name: str, runs: Sequence[RunCurve]) -> None:
    """Ratios, reading, regime and tables of one comparison."""
    from wechsel_core.services import curves as service

    st.header("What the initialisation is worth", anchor="effort")
    try:
        ratios = service.effort_ratios(runs)
    except WechselError as error:
        st.info(f"No effort ratio: {text.escape_markdown(str(error))}.", icon=":material/info:")
        return
    if ratios:
        _ratios(ratios)
    else:
        st.info(_why_none(runs))
    if regime := service.regime(runs):
        st.caption(regime_words(regime))
    if start := next(
        (words for run in runs if run.arm == "random" and (words := run.prepared.get("initialisation"))), ""
    ):
        st.caption(text.escape_markdown(f"The random arm: {start}."))
    with st.expander("What the effort ratio says, and what it does not", icon=":material/help:"):
        st.markdown(SAYS)
    _shares(name, service.shares(runs))
    if ratios:
        _seeds(name, ratios)


def _ratios(ratios: Mapping[str, Effort]) -> None:
    from wechsel_core.services.curves import shown_bound

    with st.container(horizontal=True, gap="large"):
        for arm, found in ratios.items():
            with st.container(width=230, gap=None):
                st.metric(
                    f"Effort ratio, {arm}",
                    shown_bound(found.median.value, found.median.relation),
                    help="Steps that random needs to its best held-out loss, divided by the steps of this arm to the "
                    "same loss. The middle one of the seeds.",
                )
                seeds = len(found.seeds)
                least, most = (shown_bound(end.value, end.relation) for end in (found.least, found.most))
                band = f"{least} to {most} over {seeds} seeds" if least != most else f"the same in {seeds} seeds"
                band = band if seeds > 1 else "one seed: no band"
                st.caption(band + (" · so far, not every run is at its end" if found.preliminary else ""))
    st.write(text.escape_markdown(reading(ratios)))


def reading(ratios: Mapping[str, Effort]) -> str:
    """The ratios of the first seed in words."""
    measure = next(iter(ratios.values())).seeds[0]
    arms = []
    for arm, found in ratios.items():
        seed = next((seed for seed in found.seeds if seed.seed == measure.seed), None)
        if seed is None:
            continue
        if seed.arm_steps is None:
            arms.append(f"{arm} {'is not there yet' if found.preliminary else 'does not get there in its budget'}")
        elif seed.arm_steps <= 0:
            arms.append(f"{arm} is below it before its first step")
        else:
            arms.append(f"{arm} passes it at step {seed.arm_steps:,.0f}")
    return (
        f"With seed {measure.seed}, random comes down to its best held-out loss, {measure.level:.3f} nats a token, at step "
        f"{measure.random_steps:,.0f}; {', '.join(arms)}."
    )


def _why_none(runs: Sequence[RunCurve]) -> str:
    arms = {run.arm for run in runs}
    if "random" not in arms:
        return "The effort ratio is measured against the random arm: add a run of it with the same settings and seed."
    if arms == {"random"}:
        return "This is the random arm alone; the ratio compares another arm with it."
    return "No effort ratio yet: it needs two held-out scores of both arms with one seed, and a random arm that learns."


def regime_words(regime: Regime) -> str:
    """Where these runs stand between the first steps and a finished model."""
    tiny = regime.paper_share < 1e-4
    share = f"one {_round(1 / regime.paper_share)}th" if tiny else f"{regime.paper_share:.2%}"
    words = [
        f"Each run sees {_amount(regime.tokens)} tokens, {share} of the 65.5 billion of the paper's models: "
        + ("the long regime." if regime.paper_share >= LONG else "the early regime, in which the start counts most.")
    ]
    if regime.epochs and regime.epochs >= 1.5:
        words.append(f"It reads its text {regime.epochs:,.1f} times.")
    if regime.falling is not None:
        flat = regime.falling < FLAT
        words.append(
            f"Over the last tenth of the budget random's held-out loss changed by {_signed(-regime.falling)}: "
            + (
                "it has flattened, with the learning rate near zero."
                if flat
                else "it was still falling, a longer run would move L and the ratio."
            )
        )
    if regime.gaps:
        gaps = ", ".join(f"{arm} {_signed(gap)}" for arm, gap in regime.gaps.items())
        words.append(f"Perplexity at the end against random: {gaps}. {PAPER_GAP}; the gap of a short run is neither.")
    return " ".join(words)


def _signed(share: float) -> str:
    return f"{share:+.1%}".replace("-", "−")


def _amount(number: float) -> str:
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:,.1f} {word}"
    return f"{number:,.0f}"


def _round(number: float) -> str:
    """To two digits: 31,234 as 31,000."""
    size = 10 ** max(len(str(int(number))) - 2, 0)
    return f"{round(number / size) * size:,}"


def _shares(name: str, found: pd.DataFrame) -> None:
    """Bits per byte of every arm at shares of the budget."""
    if found.empty:
        return
    st.subheader("Held-out bits per byte on the way", anchor=False)

    def told(row: Any) -> str:
        return f"{row.value:.3f}" + (f" ({row.least:.3f} to {row.most:.3f})" if row.seeds > 1 else "")

    cells = pd.DataFrame(
        [{"arm": row.arm, "share": f"{row.share:.0%}", "value": told(row)} for row in found.itertuples()]
    )
    columns = list(dict.fromkeys(cells["share"]))
    wide = cells.pivot(index="arm", columns="share", values="value")[columns].reindex(dict.fromkeys(found["arm"]))
    st.dataframe(
        wide.fillna("–").reset_index(),
        hide_index=True,
        height="content",
        column_config={
            "arm": st.column_config.TextColumn("Arm", width="small"),
            **{column: st.column_config.TextColumn(f"At {column} of the budget") for column in columns},
        },
        alt="Held-out bits per byte of every arm at shares of the budget",
    )
    st.caption("Mean over seeds, in brackets the least and the most. Fewer bits are better; 0% is before any training.")
    tables.downloads(found, f"{name}-shares", key="curves:shares")


def _seeds(name: str, ratios: Mapping[str, Effort]) -> None:
    from wechsel_core.services.curves import shown_bound

    rows = [
        {
            "arm": arm,
            "seed": seed.seed,
            "level": seed.level,
            "random_steps": seed.random_steps,
            "arm_steps": seed.arm_steps,
            "ratio": seed.ratio.value,
            "relation": seed.ratio.relation,
            "run": seed.run,
            "random_run": seed.random_run,
        }
        for arm, found in ratios.items()
        for seed in found.seeds
    ]
    frame = pd.DataFrame(rows)
    with st.expander("Seed by seed", icon=":material/table_rows:"):
        st.dataframe(
            frame.assign(shown=[shown_bound(row["ratio"], row["relation"]) for row in rows]),
            hide_index=True,
            height="content",
            column_order=["arm", "seed", "level", "random_steps", "arm_steps", "shown"],
            column_config={
                "arm": st.column_config.TextColumn("Arm"),
                "seed": st.column_config.NumberColumn("Seed", format="%d"),
                "level": st.column_config.NumberColumn("L (nats a token)", format="%.4f"),
                "random_steps": st.column_config.NumberColumn("Random at L (step)", format="%.0f"),
                "arm_steps": st.column_config.NumberColumn(
                    "Arm at L (step)", format="%.0f", help="Empty where the arm never reaches L."
                ),
                "shown": st.column_config.TextColumn("Ratio"),
            },
            alt="Effort ratio of every arm and seed",
        )
        tables.downloads(frame, f"{name}-effort", key="curves:effort")
