"""``metrics.jsonl`` of a run: written line by line, read while it grows."""

from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

METRICS = "metrics.jsonl"
KINDS = ("train", "eval")
_COUNTS = ("attempt", "step", "tokens")
_NUMBERS = ("loss", "perplexity", "bits_per_byte", "learning_rate", "grad_norm", "seconds")
#: Lines that wait for a full disk to have room again; a run that goes on longer than this fails instead.
_MOST_WAITING = 10_000
_BLOCK = 1 << 16


class MetricsWriter:
    """Appends to a run's ``metrics.jsonl``, whole lines only; one writer at a time (``run.lock``).

    A line that an earlier worker left torn is cut off first. While the disk is full the lines wait in memory and are
    written with the next one; ``close`` raises if they never could be.

    Parameters
    ----------
    folder : Path
        The run's folder.
    attempt : int
        Which start of the worker writes.
    """

    def __init__(self, folder: Path, attempt: int) -> None:
        self.attempt = attempt
        self._waiting: list[bytes] = []
        path = folder / METRICS
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            end = _whole_length(self._file)
            if end < os.fstat(self._file).st_size:
                os.ftruncate(self._file, end)
        except BaseException:
            os.close(self._file)
            raise

    def write(self, kind: str, **values: Any) -> None:
        """Append a line; numbers that JSON does not know become the strings "nan", "inf" and "-inf".

        Raises
        ------
        OSError
            If writing fails; for a full disk only once very many lines wait.
        """
        line = {"kind": kind, "attempt": self.attempt, **{name: _plain(value) for name, value in values.items()}}
        self._waiting.append(json.dumps(line, ensure_ascii=False, allow_nan=False).encode() + b"\n")
        try:
            self._flush()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or len(self._waiting) > _MOST_WAITING:
                raise

    def close(self) -> None:
        """Write what waits and close the file; raises ``OSError`` if there is still no room."""
        if self._file < 0:
            return
        try:
            self._flush()
        finally:
            os.close(self._file)
            self._file = -1

    def _flush(self) -> None:
        while self._waiting:
            line, before = self._waiting[0], os.fstat(self._file).st_size
            try:
                if os.write(self._file, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                os.ftruncate(self._file, before)  # no torn line stays behind
                raise
            self._waiting.pop(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_metrics(folder: Path) -> pd.DataFrame:
    """A run's metrics as a table, every step once, whatever state the file is in.

    Lines that are torn or malformed are passed over. Where a run was resumed, lines of an earlier attempt from the
    first step on that a later attempt wrote are left out.

    Returns
    -------
    DataFrame
        kind ("train" or "eval"), attempt, step, tokens (int64), loss, perplexity, bits_per_byte, learning_rate,
        grad_norm, seconds (float64, NaN where a line has none); sorted by kind, then step.
    """
    try:
        content = (folder / METRICS).read_bytes()
    except FileNotFoundError:
        content = b""
    rows = [row for line in content.split(b"\n") if line and (row := _row(line)) is not None]
    frame = pd.DataFrame(rows, columns=["kind", *_COUNTS, *_NUMBERS])
    frame = frame.astype({"kind": object, **dict.fromkeys(_COUNTS, "int64"), **dict.fromkeys(_NUMBERS, "float64")})
    first_steps = frame.groupby("attempt")["step"].min().sort_index(ascending=False)
    # For every attempt the first step of any later one; the last attempt keeps all of its lines.
    limits = first_steps.cummin().shift(1, fill_value=2**62).to_dict()
    frame = frame[frame["step"] < frame["attempt"].map(limits)]
    frame = frame.drop_duplicates(["kind", "step"], keep="last")
    return frame.sort_values(["kind", "step"], kind="stable").reset_index(drop=True)


def _row(line: bytes) -> list[Any] | None:
    try:
        values = json.loads(line)
        if values["kind"] not in KINDS:
            return None
        counts = [int(values.get(name, 0)) for name in _COUNTS]
        numbers = [math.nan if values.get(name) is None else float(values[name]) for name in _NUMBERS]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return [values["kind"], *counts, *numbers] if all(0 <= count < 2**62 for count in counts) else None


def _plain(value: Any) -> Any:
    """A value fit for JSON: numpy's and torch's scalars as Python's, non-finite numbers as strings."""
    if hasattr(value, "item"):
        value = value.item()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _whole_length(file: int) -> int:
    """Length of a file up to its last line end."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - _BLOCK)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
