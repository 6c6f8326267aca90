"""A training run on a page: its state, progress, log, controls, and what it has recorded about itself."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import curve_figures, figures, run_services, state, text, widgets
from wechsel_core.config import TrainConfig, config_hash
from wechsel_core.errors import WechselError

if TYPE_CHECKING:
    import pandas as pd

    from wechsel_core.services.run_curves import RunCurve

#: Word, icon and colour of each state: none of the three stands alone.
STATES: dict[str, tuple[str, str, Any]] = {
    "queued": ("Queued", ":material/hourglass_empty:", "gray"),
    "running": ("Running", ":material/play_circle:", "blue"),
    "stopping": ("Stopping", ":material/pending:", "orange"),
    "stopped": ("Stopped", ":material/pause_circle:", "orange"),
    "finished": ("Finished", ":material/check_circle:", "green"),
    "failed": ("Failed", ":material/cancel:", "red"),
}
RESUMED = ("stopped", "failed")
RUNS, CURVES = "pages/runs.py", "pages/curves.py"
LOG_LINES = 40
#: Pixels of a log that is longer than so many lines; then it scrolls.
LOG_HEIGHT, LOG_FITS = 260, 9
#: What the last button did not manage, for the redrawn page.
FAILED, ASKED = "runs:failed", "runs:asked"
PROOF = {
    "comparison_hash": "Everything but the initialisation: equal in all arms of one seed",
    "group_hash": "The same without the seed: equal in all runs of a comparison",
    "train_sha256": "Training text",
    "held_out_sha256": "Held-out text",
    "tokenizer_sha256": "Tokenizer",
}


def table_key(run_ids: Sequence[str]) -> str:
    """The key of the list of runs: selections are row numbers, so other rows need another table."""
    return f"runs:table:{config_hash({'runs': list(run_ids)})[:12]}"


def badge(status: Mapping[str, Any]) -> None:
    """A state as word, sign and colour."""
    word, icon, color = STATES.get(str(status.get("state")), (str(status.get("state")), ":material/help:", "gray"))
    st.badge(text.escape_markdown(word), icon=icon, color=color)


def state_word(status: Mapping[str, Any]) -> str:
    """A state as plain text."""
    return STATES.get(str(status.get("state")), (str(status.get("state")),))[0]


def share_done(status: Mapping[str, Any]) -> float:
    """Steps done, of all."""
    steps = status.get("steps") or 0
    return min(max((status.get("step") or 0) / steps, 0.0), 1.0) if steps else 0.0


def step_words(status: Mapping[str, Any]) -> str:
    """Where a run is: its phase, or its step."""
    step, steps = status.get("step") or 0, status.get("steps")
    if steps and (step or status.get("state") not in ("queued", "running")):
        return f"step {step:,} of {steps:,}"
    return str(status.get("phase") or "")


def progress(run_id: str, status: Mapping[str, Any], name: str | None = None) -> None:
    """One run as a line: name, state, bar."""
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(status)
        link(run_id, name or run_id)
        st.caption(text.escape_markdown(step_words(status)))
    st.progress(share_done(status))
    if reason := status.get("reason"):
        st.caption(text.escape_markdown(reason[:1].upper() + reason[1:]))


def link(run_id: str, words: str) -> None:
    """A link to a run."""
    st.page_link(RUNS, label=text.escape_markdown(words), query_params={"run": run_id})


def live_line(runs: Sequence[RunCurve]) -> None:
    """The runs that go on, each with its bar."""
    for run in runs:
        if run.live:
            progress(run.id, run.status, f"{run.arm}, seed {run.seed}")


def alarms(runs: Sequence[RunCurve]) -> None:
    """What is wrong with runs: a loss that is no number, no sign of life, a score that is too good."""
    from wechsel_core.services import curves

    icons = {"nan": ":material/error:", "stall": ":material/timer_off:", "leak": ":material/water_drop:"}
    for run, alarm in curves.alarms(runs):
        words = f"{run.arm}, seed {run.seed} ({run.id}): {alarm.sentence}"
        show = st.error if alarm.kind == "nan" else st.warning
        show(text.escape_markdown(words), icon=icons[alarm.kind])


def proof(group: Mapping[str, Any]) -> None:
    """That the arms of a comparison differ in their initialisation alone."""
    ready = [run for run in run_services.curves_of(group["runs"]) if run.prepared]
    if not ready:
        return
    with st.expander("What these runs share, and where each starts", icon=":material/fact_check:"):
        starts = {run.arm: str(run.prepared.get("initialisation", "")) for run in ready}
        st.dataframe(
            [{"arm": arm, "start": words} for arm, words in starts.items()],
            hide_index=True,
            height="content",
            column_config={
                "arm": st.column_config.TextColumn("Arm", width="small"),
                "start": st.column_config.TextColumn("Starts from", width="large"),
            },
            alt="What the weights of each arm come from",
        )
        hashes = {seed: {run.prepared.get("comparison_hash") for run in ready if run.seed == seed} for seed in
                  sorted({run.seed for run in ready})}  # fmt: skip
        equal = all(len(found) == 1 for found in hashes.values())
        st.caption(
            "Tokenizer, data order, held-out text, batch and schedule are the same in all arms of a seed: their "
            "comparison hashes are equal."
            if equal
            else "These runs differ in more than their initialisation: their comparison hashes are not equal."
        )
        prepared = ready[0].prepared
        st.json({name: value for name, value in prepared.items() if name not in ("initialisation", "frozen_steps")},
                expanded=False)  # fmt: skip


# --- one run on the page Runs ------------------------------------------------------------------------------------


def act(action: Callable[[str], None], run_id: str) -> None:
    """Do what a button says; how it fails is kept for the redrawn page."""
    st.session_state.pop(FAILED, None)
    st.session_state.pop(ASKED, None)
    try:
        action(run_id)
    except WechselError as error:
        st.session_state[FAILED] = (run_id, error)


def delete(run_id: str) -> None:
    """Delete a run, and take it out of the address."""
    act(run_services.delete, run_id)
    if FAILED not in st.session_state:
        state.put(run=None)
        state.remember("runs")  # or the page would go back to it


def controls(run_id: str, status: Mapping[str, Any], *, recorded: bool) -> None:
    """Stop, resume, kill, delete; what the state allows."""
    now = str(status.get("state"))
    live = now in run_services.LIVE
    if recorded:
        st.caption(
            "This run came with the lab: its numbers and settings are here, its log, checkpoints and model are not. "
            "There is nothing to stop or to resume."
        )
        return
    with st.container(horizontal=True):
        if live:
            _button("Stop", "stop", run_services.stop, run_id, help_text="Finishes the step, writes a checkpoint, ends.",
                    disabled=now == "stopping")  # fmt: skip
            _button("Kill", "dangerous", run_services.kill, run_id, help_text="Ends the process at once; what was done "
                    "since the last checkpoint is lost. For a run that does not stop.")  # fmt: skip
        if now in RESUMED:
            _button("Resume", "play_arrow", run_services.resume, run_id, primary=True,
                    help_text="Goes on from the last whole checkpoint.")  # fmt: skip
        if not live:
            st.button(
                "Delete",
                key="runs:delete",
                icon=":material/delete:",
                help="Asks first.",
                on_click=lambda: st.session_state.update({ASKED: run_id}),
            )
    failed_run, error = st.session_state.get(FAILED, (None, None))
    if failed_run == run_id:
        widgets.show_error(error)
    if st.session_state.get(ASKED) == run_id and not live:
        _confirm(run_id)


def _button(
    label: str, icon: str, action: Callable[[str], None], run_id: str, *, help_text: str, primary: bool = False,
    disabled: bool = False,
) -> None:  # fmt: skip
    st.button(
        label,
        key=f"runs:{label.lower()}",
        icon=f":material/{icon}:",
        type="primary" if primary else "secondary",
        help=help_text,
        disabled=disabled,
        on_click=act,
        args=(action, run_id),
    )


def _confirm(run_id: str) -> None:
    with st.container(border=True):
        st.write("Delete this run with its checkpoints, its log and its model? There is no way back.")
        with st.container(horizontal=True):
            st.button("Delete for good", key="runs:delete:yes", type="primary", on_click=delete, args=(run_id,))
            st.button("Keep it", key="runs:delete:no", on_click=lambda: st.session_state.pop(ASKED, None))


def follow(run_id: str, polled: bool) -> None:
    """State, bar, curve and log of a run, as they are now."""
    try:
        (run,) = run_services.curves_of([run_id])
        if polled and not run.live:
            st.rerun()  # its buttons change, and nobody has to look any longer
        badge_and_bar(run)
        alarms([run])
        scored = run.rows("eval")
        if len(scored):
            figure = curve_figures.progress_line(scored, st.context.theme.type, run.arm, run.budget or None)
            st.plotly_chart(
                figure, key="runs:curve", config=figures.plot_config(f"{run_id}-held-out"),
                alt="Held-out bits per byte of this run by step",
            )  # fmt: skip
            st.caption("Bits per byte of the held-out text; lower is better. " + _last_score(scored))
        if not run.recorded:
            st.subheader("Log", anchor=False)
            log = run_services.log_tail(run_id, LOG_LINES) or "Nothing yet."
            st.code(log, language=None, height=LOG_HEIGHT if log.count("\n") >= LOG_FITS else "content")
            st.caption(f"The last {LOG_LINES} lines of worker.log, as they are.")
    except WechselError as error:
        widgets.show_error(error)


def _last_score(scored: pd.DataFrame) -> str:
    last = scored.iloc[-1]
    step = f"Step {int(last['step']):,}: "
    if not math.isfinite(last["loss"]):
        return step + "the loss is no number."
    return (
        step
        + f"{last['bits_per_byte']:.3f} bits per byte, loss {last['loss']:.3f}, perplexity {last['perplexity']:,.1f}."
    )


def badge_and_bar(run: RunCurve) -> None:
    """State, bar, time left."""
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(run.status)
        words = [step_words(run.status)]
        if run.status.get("attempt", 1) > 1:
            words.append(f"started {run.status['attempt']} times")
        if left := time_left(run):
            words.append(f"about {left} left")
        st.caption(text.escape_markdown(" · ".join(word for word in words if word)))
    st.progress(share_done(run.status))
    if reason := run.status.get("reason"):
        show = st.error if run.status.get("state") == "failed" else st.info
        show(text.escape_markdown(reason[:1].upper() + reason[1:]))


def time_left(run: RunCurve) -> str:
    """How long a running run still takes, by its own speed so far; "" where nobody can say."""
    rows = run.rows("train")
    if run.status.get("state") != "running" or len(rows) < 2 or not run.budget:
        return ""
    first, last = rows.iloc[0], rows.iloc[-1]
    done = last["step"] - first["step"]
    return duration((last["seconds"] - first["seconds"]) / done * (run.budget - last["step"])) if done else ""


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def settings(run: Mapping[str, Any]) -> None:
    """What was asked for, what the worker made of it, and the hashes that prove it."""
    prepared = run.get("prepared") or {}
    with st.expander("Settings and proof", icon=":material/fact_check:"):
        if words := prepared.get("initialisation"):
            st.write(text.escape_markdown(words))
        hashes = [{"what": what, "hash": prepared[name]} for name, what in PROOF.items() if name in prepared]
        if hashes:
            st.dataframe(
                hashes, hide_index=True, height="content", alt="Hashes of the inputs",
                column_config={"what": st.column_config.TextColumn("Hash of"), "hash": st.column_config.TextColumn("SHA-256")},
            )  # fmt: skip
        st.json({key: run[key] for key in ("config", "prepared", "result", "versions") if run.get(key)}, expanded=False)
    with contextlib.suppress(WechselError):
        st.caption("The same run from the command line:")
        st.code(run_services.command_line(TrainConfig.from_dict(dict(run["config"]))), language="bash", wrap_lines=True)
