"""``metrics.jsonl``: torn lines, resumed steps, a full disk, a writer that is killed."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wechsel_core import run_metrics
from wechsel_core.run_metrics import METRICS, MetricsWriter, read_metrics

COLUMNS = [
    "kind", "attempt", "step", "tokens", "loss", "perplexity", "bits_per_byte", "learning_rate", "grad_norm", "seconds",
]  # fmt: skip


def steps(folder: Path, kind: str = "train") -> list[tuple[int, int]]:
    frame = read_metrics(folder)
    frame = frame[frame["kind"] == kind]
    return list(zip(frame["attempt"], frame["step"], strict=True))


def write(folder: Path, attempt: int, *at: int, kind: str = "train") -> None:
    with MetricsWriter(folder, attempt) as writer:
        for step in at:
            writer.write(kind, step=step, tokens=step * 8, loss=float(attempt))


def test_round_trip(tmp_path: Path) -> None:
    with MetricsWriter(tmp_path, 1) as writer:
        writer.write("eval", step=0, tokens=0, loss=9.5, perplexity=13359.7, bits_per_byte=3.1, seconds=0.0)
        writer.write("train", step=1, tokens=8, loss=np.float32(0.5), learning_rate=1e-3, grad_norm=None, seconds=1)
    frame = read_metrics(tmp_path)
    assert list(frame.columns) == COLUMNS
    assert frame[["step", "tokens", "attempt"]].dtypes.tolist() == [np.dtype("int64")] * 3
    assert frame[COLUMNS[4:]].dtypes.tolist() == [np.dtype("float64")] * 6
    assert frame["kind"].tolist() == ["eval", "train"] and frame["loss"].tolist() == [9.5, 0.5]
    assert math.isnan(frame["grad_norm"][1]) and math.isnan(frame["learning_rate"][0])


def test_no_file_is_an_empty_table(tmp_path: Path) -> None:
    frame = read_metrics(tmp_path)
    assert list(frame.columns) == COLUMNS and len(frame) == 0 and frame["step"].dtype == np.int64


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan"), np.float32("inf")])
def test_numbers_that_are_none_are_strings(tmp_path: Path, value: float) -> None:
    with MetricsWriter(tmp_path, 1) as writer:
        writer.write("train", step=1, loss=value)
    line = json.loads((tmp_path / METRICS).read_text(), parse_constant=pytest.fail)
    assert line["loss"] == str(float(value))
    assert read_metrics(tmp_path)["loss"][0] == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_torn_last_line_is_ignored_and_cut_off_by_the_next_writer(tmp_path: Path, cut: int) -> None:
    write(tmp_path, 1, 1, 2)
    path = tmp_path / METRICS
    path.write_bytes(path.read_bytes()[:-cut])
    # Without its line end alone the line can still be read.
    assert steps(tmp_path) == ([(1, 1)] if cut > 1 else [(1, 1), (1, 2)])
    write(tmp_path, 2, 3)
    assert steps(tmp_path) == [(1, 1), (2, 3)]
    for line in path.read_bytes().splitlines():
        json.loads(line)


@pytest.mark.parametrize(
    "line",
    [b"null", b"[]", b"3", b"{}", b'{"kind": "train"', b'{"kind": "other", "step": 1}', b'{"kind": "train", "step": "x"}',
     b'{"kind": "train", "step": 1, "loss": "x"}', b'{"kind": "train", "step": 1, "loss": []}', b"\xff\xfe", b"\0" * 50,
     b'{"kind": "train", "step": NaN}', b'{"kind": "train", "step": -1}', b'{"kind": "train", "step": 1e400}',
     b"[" * 100_000, b'{"kind": ["train"], "step": 1}'],
)  # fmt: skip
def test_malformed_lines_are_passed_over(tmp_path: Path, line: bytes) -> None:
    write(tmp_path, 1, 5)
    with (tmp_path / METRICS).open("ab") as file:
        file.write(line + b"\n")
    write(tmp_path, 1, 6)
    assert steps(tmp_path) == [(1, 5), (1, 6)]


def test_resumed_steps_are_there_once(tmp_path: Path) -> None:
    write(tmp_path, 1, 10, 20, 30, 40)
    write(tmp_path, 2, 30, 40, 50)
    assert steps(tmp_path) == [(1, 10), (1, 20), (2, 30), (2, 40), (2, 50)]


def test_what_a_later_attempt_overtook_is_gone_even_if_it_has_not_come_so_far(tmp_path: Path) -> None:
    write(tmp_path, 1, 10, 20, 30, 40)
    write(tmp_path, 1, 0, 40, kind="eval")
    write(tmp_path, 2, 20)
    assert steps(tmp_path) == [(1, 10), (2, 20)] and steps(tmp_path, "eval") == [(1, 0)]


def test_a_third_attempt_that_goes_further_back_than_the_second(tmp_path: Path) -> None:
    write(tmp_path, 1, 10, 20, 30)
    write(tmp_path, 2, 30, 40)
    write(tmp_path, 3, 20, 30)
    assert steps(tmp_path) == [(1, 10), (3, 20), (3, 30)]


def test_random_histories_against_a_plain_reading(tmp_path: Path) -> None:
    """For every line: is there one of a later attempt whose first step is not behind it?"""
    rng = random.Random(0)
    for case in range(30):
        folder = tmp_path / str(case)
        folder.mkdir()
        lines: list[tuple[str, int, int]] = []
        for attempt in range(1, rng.randint(2, 6)):
            start = rng.randint(0, 8) * 10
            lines += [(rng.choice(["train", "eval"]), attempt, step) for step in range(start, start + 60, 10)]
        for kind, attempt, step in lines:
            write(folder, attempt, step, kind=kind)
        first = {a: min(s for _, b, s in lines if b == a) for _, a, _ in lines}
        kept = [line for line in lines if not any(line[2] >= first[later] for later in first if later > line[1])]
        frame = read_metrics(folder)
        assert list(zip(frame["kind"], frame["attempt"], frame["step"], strict=True)) == sorted(
            kept, key=lambda line: (line[0], line[2])
        )


def test_a_step_written_twice_counts_once(tmp_path: Path) -> None:
    with MetricsWriter(tmp_path, 1) as writer:
        writer.write("train", step=1, loss=1.0)
        writer.write("train", step=1, loss=2.0)
    assert read_metrics(tmp_path)["loss"].tolist() == [2.0]


def test_a_writer_killed_at_any_moment_leaves_whole_lines(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from wechsel_core.run_metrics import MetricsWriter
with MetricsWriter(Path(sys.argv[1]), int(sys.argv[2])) as writer:
    print("go", flush=True)
    for step in range(10**9):
        writer.write("train", step=step, tokens=step, loss=1.0, note="x" * 200)
"""
    rng = random.Random(1)
    for attempt in range(1, 6):
        command = [sys.executable, "-c", script, str(tmp_path), str(attempt)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None and child.stdout.readline() == b"go\n"
            time.sleep(rng.uniform(0, 0.03))
            assert len(read_metrics(tmp_path)) >= 0  # a reader in between
            child.kill()
        write(tmp_path, attempt + 10, 0)
    for line in (tmp_path / METRICS).read_bytes().splitlines():
        json.loads(line)


# --- a full disk -------------------------------------------------------------------------------------------------


def test_lines_wait_for_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def half(file: int, content: bytes) -> int:
        return real(file, content[: len(content) // 2])  # the rest has no room

    with MetricsWriter(tmp_path, 1) as writer:
        writer.write("train", step=1, loss=1.0)
        whole = (tmp_path / METRICS).read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(run_metrics.os, "write", half)
            for step in (2, 3):
                writer.write("train", step=step, loss=1.0)
                assert (tmp_path / METRICS).read_bytes() == whole, "no torn line stays"
        writer.write("train", step=4, loss=1.0)
    assert steps(tmp_path) == [(1, 1), (1, 2), (1, 3), (1, 4)]


def test_lines_that_never_found_room_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_metrics.os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    writer = MetricsWriter(tmp_path, 1)
    writer.write("train", step=1, loss=1.0)
    with pytest.raises(OSError, match="No space left"):
        writer.close()
    writer.close()


def test_other_errors_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with MetricsWriter(tmp_path, 1) as writer, monkeypatch.context() as patch:
        patch.setattr(run_metrics.os, "write", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(OSError, match="Input/output"):
            writer.write("train", step=1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    filler = small_disk / "filler"
    with MetricsWriter(small_disk, 1) as writer:
        writer.write("train", step=0, loss=1.0)
        filler.write_bytes(b"x" * 8192)
        for step in range(1, 200):
            writer.write("train", step=step, loss=1.0)
        before = steps(small_disk)
        assert 0 < len(before) < 200
        assert (small_disk / METRICS).read_bytes().endswith(b"}\n")
        filler.unlink()
        writer.write("train", step=200, loss=1.0)
    found: pd.DataFrame = read_metrics(small_disk)
    assert found["step"].tolist()[: len(before)] == [step for _, step in before]
    assert len(found) > len(before)
