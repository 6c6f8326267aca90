"""Event files, read back by TensorBoard itself."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from wechsel_core.errors import OutputError
from wechsel_core.run_metrics import MetricsWriter, read_metrics
from wechsel_core.training.tensorboard import write_events

RUN = {"created": "2026-01-02T03:04:05.000+00:00", "config": {"arm": "wechsel"}}


@pytest.fixture
def metrics(tmp_path: Path) -> pd.DataFrame:
    with MetricsWriter(tmp_path, 1) as writer:
        writer.write("eval", step=0, tokens=0, loss=9.0, perplexity=8103.1, bits_per_byte=3.0, seconds=0.0)
        writer.write("train", step=5, tokens=50, loss=math.nan, bits_per_byte=2.5, learning_rate=1e-3, seconds=2.5)
    return read_metrics(tmp_path)


def test_what_tensorboard_reads(metrics: pd.DataFrame, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    assert write_events(metrics, RUN, tmp_path / "out") == 6
    events: Any = accumulator.EventAccumulator(str(tmp_path / "out")).Reload()
    assert sorted(events.Tags()["scalars"]) == [
        "eval/bits_per_byte", "eval/loss", "eval/perplexity", "train/bits_per_byte", "train/learning_rate", "train/loss",
    ]  # fmt: skip
    (loss,) = events.Scalars("train/loss")
    assert loss.step == 5 and math.isnan(loss.value)
    start = events.Scalars("eval/loss")[0].wall_time
    assert loss.wall_time - start == pytest.approx(2.5)
    assert start == pytest.approx(1767323045.0)


def test_a_folder_with_something_in_it_is_refused(metrics: pd.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with pytest.raises(OutputError, match="expected an empty or new folder"):
        write_events(metrics, RUN, tmp_path)


def test_without_the_package(metrics: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(OutputError, match="tensorboard is not installed; .*; run pip install tensorboard"):
        write_events(metrics, RUN, tmp_path / "out")
    assert not (tmp_path / "out").exists()
