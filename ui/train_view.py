"""The pretraining page below its form: what the plan costs, its commands, its runs as they go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from ui import run_services, run_view, text, train_form, widgets
from wechsel_core.config import TrainConfig
from wechsel_core.errors import WechselError


def cost(found: Mapping[str, Any], runs: int) -> None:
    """Steps, tokens, time, memory and disk, before anything starts."""
    st.header("What it takes", anchor=False)
    with st.container(horizontal=True, gap="medium"):
        _metric("Steps", f"{found['steps']:,}", f"{found['tokens_per_step']:,} tokens each")
        _metric("Tokens", amount(found["tokens"]), _epochs(found.get("epochs")))
        _metric("Time of one run", run_view.duration(found["seconds"]), f"on {found['device']}")
        if runs > 1:
            _metric("Time of all", run_view.duration(found["seconds"] * runs), f"{runs} runs, in turn")
        _metric("Memory", size(found["memory_bytes"]), f"{size(found['memory_free'])} free")
        _metric("Disk, a run", size(found["disk_bytes"]), f"{size(found['disk_free'])} free")
    st.caption(
        text.escape_markdown(
            f"The time is an estimate: {found['seconds_basis']}. {found['parameters']:,} parameters; batches of "
            f"{found['batch_size']:,} blocks of {found['block_size']:,} tokens; peak learning rate "
            f"{found['learning_rate']:g} after {found['warmup_steps']:,} steps, then down to zero; a score every "
            f"{found['eval_every']:,} steps, a checkpoint every {found['save_every']:,}."
        )
    )


def _metric(label: str, value: str, words: str) -> None:
    with st.container(width="content", gap=None):
        st.metric(label, value)
        st.caption(text.escape_markdown(words))


def _epochs(epochs: float | None) -> str:
    if epochs is None:
        return "text not read yet"
    return f"the text {epochs:,.1f} times" if epochs >= 0.95 else f"{epochs:.0%} of the text"


def amount(number: float) -> str:
    """A count of tokens as people say it."""
    for least, word in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= least:
            return f"{number / least:,.1f} {word}"
    return f"{number:,.0f}"


def size(n_bytes: float) -> str:
    """Bytes as people say them."""
    for least, word in ((1e9, "GB"), (1e6, "MB")):
        if n_bytes >= least:
            return f"{n_bytes / least:,.1f} {word}"
    return f"{n_bytes / 1e3:,.0f} kB"


def commands(configs: Sequence[TrainConfig]) -> None:
    """The same on the command line, a line a run."""
    st.caption("The same on the command line:" if len(configs) == 1 else "The same on the command line, a line a run:")
    lines = "\n".join(run_services.command_line(config) for config in configs)
    st.code(lines, language="bash", wrap_lines=True, height="content" if len(configs) <= 2 else 200)


def start(configs: Sequence[TrainConfig]) -> list[WechselError]:
    """Launch the runs with what is done on show; returns what went wrong, each once."""
    failed: dict[str, WechselError] = {}
    with st.status("Starting", expanded=True) as status:
        bar = st.progress(0.0)
        for place, config in enumerate(configs):

            def progress(share: float, sentence: str, place: int = place, config: TrainConfig = config) -> None:
                words = f"{config.arm}, seed {config.seed}: {sentence}"
                bar.progress(min((place + share) / len(configs), 1.0), text=text.escape_markdown(words))

            try:
                run_services.launch(config, progress)
            except WechselError as error:
                failed[str(error)] = error
        if failed:
            status.update(label="Failed", state="error")
    return list(failed.values())


def progress(configs: Sequence[TrainConfig], result_hash: str, polled: bool) -> None:
    """The plan's runs as they are now."""
    try:
        found = train_form.runs_of(configs, result_hash)
        if polled and not any(entry["status"]["state"] in run_services.LIVE for entry in found.values()):
            st.rerun()  # the page as a whole, so that it stops looking
        for place, entry in found.items():
            run_view.progress(entry["id"], entry["status"], f"{configs[place].arm}, seed {configs[place].seed}")
    except WechselError as error:
        widgets.show_error(error)
