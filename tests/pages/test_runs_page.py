"""The Runs page: list, links, controls by state, confirmation, hostile logs, recorded runs, commands for machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pages.conftest import address, open_page
from tests.run_builders import add_scores, curve, write_group, write_run
from ui import run_view
from wechsel_core import paths, processes, runs
from wechsel_core.errors import RunError
from wechsel_core.services import training

HOSTILE = "<script>alert(1)</script> $x^2$ :red[x] **bold**\n\u202eabc\n" + "long " * 400 + "\nlast line"


@pytest.fixture(autouse=True)
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No runs that came with the lab, unless a test writes some."""
    monkeypatch.setattr(paths, "recorded_runs_dir", lambda: tmp_path / "recorded")
    return tmp_path / "recorded"


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """A real process in a session of its own that a run can name as its worker."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(120)"], start_new_session=True, stdin=subprocess.DEVNULL
    )
    yield process
    process.kill()
    process.wait()


def buttons(app: Any) -> dict[str, Any]:
    return {button.label: button for button in app.button}


def said(app: Any) -> str:
    parts = [*app.caption, *app.markdown, *app.info, *app.warning, *app.error]
    return " ".join(str(part.value) for part in parts)


# --- list and links ----------------------------------------------------------------------------------------------


def test_empty_home_has_a_calm_sentence_and_a_way_on() -> None:
    app = open_page("runs")
    assert app.info[0].value == "There are no runs yet."
    assert app.get("page_link")[0].proto.label == "Start a run"
    assert not app.dataframe


def test_list_shows_every_run_with_its_state_and_opens_the_newest() -> None:
    write_run("wechsel")
    write_run("random", state="failed", losses=curve("random", 0)[:4], status={"reason": "out of memory"})
    app = open_page("runs")
    table = app.dataframe[0].value
    assert sorted(zip(table["arm"], table["state"], strict=True)) == [("random", "Failed"), ("wechsel", "Finished")]
    assert table.set_index("arm").loc["random", "done"] == pytest.approx(0.3)
    assert address(app)["run"] == table["run"].iloc[0]


def test_a_link_opens_its_run() -> None:
    ids = write_group(("wechsel", "random"), (0,))
    app = open_page("runs", run=ids[1])
    assert app.header[0].value.replace("\\", "") == ids[1]
    assert address(app) == {"run": ids[1]}


def test_the_run_of_the_address_is_ticked() -> None:
    write_group(("wechsel", "random"), (0,))
    app = open_page("runs")
    ids = list(app.dataframe[0].value["run"])
    key = run_view.table_key(ids)
    assert app.session_state[key]["selection"]["rows"] == [0]
    assert open_page("runs", run=ids[1]).session_state[key]["selection"]["rows"] == [1]


@pytest.mark.parametrize("name", ["gone", "../../etc/passwd", "<script>x</script>", "x" * 500])
@pytest.mark.parametrize("others", [True, False])
def test_unknown_run_is_named(name: str, others: bool) -> None:
    if others:
        write_run("wechsel")
    app = open_page("runs", run=name)
    assert "no run" in app.error[0].value and "<script>" not in app.error[0].value
    assert bool(app.dataframe) == others and not app.header


def test_folders_that_are_no_runs_do_not_matter(home: Path) -> None:
    write_run("wechsel")
    (home / "runs" / "stray").mkdir()
    (home / "runs" / "broken").mkdir()
    (home / "runs" / "broken" / "run.json").write_text("{")
    assert len(open_page("runs").dataframe[0].value) == 1


# --- one run -----------------------------------------------------------------------------------------------------


def test_log_is_shown_as_text() -> None:
    app = open_page("runs", run=write_run("wechsel", log=HOSTILE))
    log = next(code for code in app.code if "last line" in code.value)
    assert "<script>alert(1)</script> $x^2$ :red[x]" in log.value
    assert not any("<script>" in part.value for part in [*app.markdown, *app.caption])


def test_no_log_yet() -> None:
    assert any(code.value == "Nothing yet." for code in open_page("runs", run=write_run("wechsel")).code)


def test_curve_scores_and_proof_of_a_run() -> None:
    app = open_page("runs", run=write_run("wechsel"))
    assert len(app.get("plotly_chart")) == 1
    assert "lower is better" in said(app)
    hashes = next(frame.value for frame in app.dataframe if "hash" in frame.value.columns)
    assert "b" * 64 in set(hashes["hash"])
    assert "python -m wechsel_core train" in " ".join(code.value for code in app.code)


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        ("running", {"Stop", "Kill"}),
        ("queued", {"Stop", "Kill"}),
        ("stopped", {"Resume", "Delete"}),
        ("failed", {"Resume", "Delete"}),
        ("finished", {"Delete"}),
    ],
)
def test_controls_by_state(state: str, offered: set[str]) -> None:
    app = open_page("runs", run=write_run("wechsel", state=state))
    assert set(buttons(app)) & {"Stop", "Kill", "Resume", "Delete"} == offered


def test_failed_run_says_why() -> None:
    app = open_page("runs", run=write_run("wechsel", state="failed", status={"reason": "out of memory; :red[x]"}))
    assert app.error[0].value.startswith("Out of memory") and ":red[" not in app.error[0].value


def test_a_worker_that_is_gone_shows_as_failed_with_a_way_on(worker: subprocess.Popen[bytes]) -> None:
    run = write_run("wechsel", state="running", status=processes.identity(worker.pid))
    assert "Stop" in buttons(open_page("runs", run=run))
    worker.kill()
    worker.wait()
    app = open_page("runs", run=run)
    assert "without a word" in app.error[0].value and "Resume" in buttons(app)


def test_stop_asks_the_worker(worker: subprocess.Popen[bytes]) -> None:
    run = write_run("wechsel", state="running", status=processes.identity(worker.pid))
    app = open_page("runs", run=run)
    app.button(key="runs:stop").click().run()
    assert runs.stop_requested(runs.run_folder(run))
    assert worker.wait(timeout=20) == -15


def test_kill_ends_the_worker(worker: subprocess.Popen[bytes]) -> None:
    run = write_run("wechsel", state="running", status=processes.identity(worker.pid))
    app = open_page("runs", run=run)
    app.button(key="runs:kill").click().run()
    worker.wait(timeout=20)
    assert not processes.is_alive(processes.identity(worker.pid))
    assert runs.effective_status(runs.run_folder(run))["state"] == "stopped"
    assert "Resume" in buttons(app)


def test_resume_goes_through_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(training, "resume", lambda run_id: asked.append(run_id))
    run = write_run("wechsel", state="stopped")
    open_page("runs", run=run).button(key="runs:resume").click().run()
    assert asked == [run]


def test_what_a_button_does_not_manage_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(run_id: str) -> None:
        raise RunError("the run <b> is busy", "a quiet one", "wait")

    monkeypatch.setattr(training, "resume", refuse)
    app = open_page("runs", run=write_run("wechsel", state="stopped"))
    app.button(key="runs:resume").click().run()
    assert app.error[0].value == r"The run \<b\> is busy; expected a quiet one; wait"


def test_delete_asks_first_and_then_leaves_the_address() -> None:
    run, other = write_run("wechsel"), write_run("random")
    folder = runs.run_folder(run)
    app = open_page("runs", run=run)
    app.button(key="runs:delete").click().run()
    assert folder.is_dir() and "no way back" in said(app)
    app.button(key="runs:delete:no").click().run()
    assert folder.is_dir() and "Delete for good" not in buttons(app)
    app.button(key="runs:delete").click().run()
    app.button(key="runs:delete:yes").click().run()
    assert not folder.exists()
    assert address(app) == {"run": other} and not app.error


def test_deleting_the_last_run_leaves_an_empty_page() -> None:
    app = open_page("runs", run=write_run("wechsel"))
    app.button(key="runs:delete").click().run()
    app.button(key="runs:delete:yes").click().run()
    assert app.info[0].value == "There are no runs yet."


def test_a_run_that_ends_while_it_is_looked_at() -> None:
    run = write_run("wechsel", state="running", losses=curve("wechsel", 0)[:4])
    app = open_page("runs", run=run)
    assert "Stop" in buttons(app)
    add_scores(run, curve("wechsel", 0)[4:], state="finished")
    app.run()
    app.run()  # the test runner ends at st.rerun
    assert "Stop" not in buttons(app) and "Delete" in buttons(app)


def test_time_left_goes_by_the_runs_own_speed() -> None:
    # Half a second a step, 70 steps left
    app = open_page("runs", run=write_run("wechsel", state="running", losses=curve("wechsel", 0)[:4]))
    assert "about 35 seconds left" in said(app).replace("\\", "")


def test_stalled_run_rings() -> None:
    beat = {"heartbeat_boot_seconds": processes.boot_seconds() - 10_000}
    app = open_page("runs", run=write_run("wechsel", state="running", status=beat))
    assert "No sign of life" in app.warning[0].value


# --- recorded runs -----------------------------------------------------------------------------------------------


def test_recorded_runs_have_a_note_in_place_of_controls() -> None:
    ids = write_group(("wechsel", "random"), (0,), recorded=True)
    app = open_page("runs")
    assert set(app.dataframe[0].value["run"]) == set(ids)
    assert "came with the lab" in said(app)
    assert not set(buttons(app)) & {"Stop", "Kill", "Resume", "Delete"}
    assert len(app.get("plotly_chart")) == 1 and not [s for s in app.subheader if s.value == "Log"]
    assert not any("accelerate" in code.value for code in app.code)


def test_recorded_runs_stand_back_behind_ones_own() -> None:
    recorded, own = write_run("wechsel", recorded=True), write_run("random")
    app = open_page("runs")
    assert list(app.dataframe[0].value["run"]) == [own]
    app.toggle(key="url:recorded").set_value(True).run()
    assert set(app.dataframe[0].value["run"]) == {own, recorded}
    assert address(app)["recorded"] == "True"


def test_a_link_to_a_recorded_run_opens_it_all_the_same() -> None:
    recorded = write_run("wechsel", recorded=True)
    write_run("random")
    app = open_page("runs", run=recorded)
    assert app.header[0].value.replace("\\", "") == recorded and not app.error


# --- more machines -----------------------------------------------------------------------------------------------


def test_commands_for_two_machines() -> None:
    run = write_run("wechsel", state="stopped")
    app = open_page("runs", run=run, machines="2", processes="4", address="node-0")
    commands = [code.value for code in app.code if "--machine_rank" in code.value]
    assert len(commands) == 2
    for rank, command in enumerate(commands):
        assert f"--machine_rank {rank}" in command and "--num_processes 8" in command
        assert "--main_process_ip node-0" in command and run in command


def test_a_stopped_run_can_be_made_to_wait_for_the_commands() -> None:
    run = write_run("wechsel", state="stopped")
    app = open_page("runs", run=run, machines="2")
    app.button(key="runs:hold").click().run()
    assert not app.error
    assert runs.effective_status(runs.run_folder(run))["state"] == "queued"


def test_figure_of_a_run_is_named_after_it() -> None:
    run = write_run("wechsel")
    config = json.loads(open_page("runs", run=run).get("plotly_chart")[0].proto.config)
    assert config["toImageButtonOptions"]["filename"] == f"{run}-held-out"


def test_page_reads_a_hundred_runs_quickly() -> None:
    for seed in range(100):
        write_run("wechsel", seed)
    os.sync()
    open_page("runs")
    begin = time.monotonic()
    app = open_page("runs")
    assert len(app.dataframe[0].value) == 100
    assert time.monotonic() - begin < 20
