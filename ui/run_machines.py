"""A run on several GPUs or machines: the command for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui import run_services, run_view, state, widgets
from wechsel_core.errors import WechselError

MOST, ADDRESS, PORT = 64, "127.0.0.1", 29500


def show(run_id: str, status: Mapping[str, Any]) -> None:
    """Widgets and commands; what has to happen first."""
    now = str(status.get("state"))
    if now == "finished":
        return
    with st.expander("More GPUs, more machines", icon=":material/dns:"):
        machines, processes, address, port, sharded = _asked()
        options = {
            "machines": machines, "processes": processes, "address": address, "port": port, "sharded": sharded,
        }  # fmt: skip
        try:
            commands = run_services.node_commands(run_id, **options)
        except WechselError as error:
            widgets.show_error(error)
            return
        for rank, command in enumerate(commands):
            st.caption(
                "On this machine:" if machines == 1 else f"On machine {rank}" + (", the first:" if not rank else ":")
            )
            st.code(command, language="bash", wrap_lines=True)
        st.caption(
            "Each machine needs the lab and must see the run's folder under the same path. The first one alone writes; "
            "this page shows the run as any other. Under SLURM:"
        )
        st.code(f"python -m wechsel_core runs slurm {run_id}", language="bash")
        if now in run_view.RESUMED:
            st.button(
                "Make it wait for these commands",
                key="runs:hold",
                icon=":material/hourglass_empty:",
                help="Puts the run into the queue without a worker of its own, until the commands start theirs.",
                on_click=run_view.act,
                args=(lambda name: run_services.node_commands(name, **options, hold=True), run_id),
            )
        elif status.get("waits_for") != "nodes":
            st.caption("This run has a worker already: stop it before the commands are used.")


def _asked() -> tuple[int, int, str, int, bool]:
    columns = st.columns(5, vertical_alignment="bottom")
    with columns[0]:
        machines = _number("machines", "Machines", 1, MOST)
    with columns[1]:
        processes = _number("processes", "GPUs on each", 1, MOST)
    with columns[2]:
        address = st.text_input(
            "First machine",
            help="Its name or address, as the others reach it.",
            **state.linked("address", state.get("address") or ADDRESS, default=ADDRESS),
        )
    with columns[3]:
        port = _number("port", "Port", PORT, 65_535, help_text="A free one of the first machine.")
    with columns[4]:
        sharded = st.toggle(
            "FSDP",
            help="Cuts model and optimiser into parts, one a GPU, in place of a copy on each: less memory, more talk.",
            **state.linked("sharded", state.get("sharded") == "True", default=False),
        )
    return machines, processes, address or ADDRESS, port, bool(sharded)


def _number(name: str, label: str, default: int, most: int, help_text: str | None = None) -> int:
    value = state.whole_number(name, default, 1, most)
    return int(st.number_input(label, 1, most, step=1, help=help_text, **state.linked(name, value, default=default)))
