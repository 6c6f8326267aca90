"""Measure this project against its peers: ``python -m benchmarks.run`` (``make bench``).

Every run is a process of its own. What a run measured is kept as one JSON file, so a benchmark that was interrupted
goes on where it stopped; results of other sources than the present ones are set aside, never mixed in.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import filelock

from benchmarks import report
from benchmarks.cases import WORKERS, Case, comparison, groups
from benchmarks.environments import python_of, versions
from benchmarks.measure import ROOT, WorkerError, cores, watch, worker_environment
from benchmarks.profiles import FULL, QUICK, Profile

PARTS = "abcde"
#: What the inputs are made by.
MAKERS = ("benchmarks/inputs.py", "benchmarks/big_vectors.py", "benchmarks/profiles.py")
#: What decides a measurement: results of other versions of these are not mixed.
MEASURED = (
    "wechsel_core/**/*.py", "benchmarks/workers/*.py", "benchmarks/requirements-*.txt", "benchmarks/cases.py",
    "benchmarks/measure.py", *MAKERS,
)  # fmt: skip


def main() -> int:
    """Make what is missing, measure, compare, and write the report if every part is there."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the running worker ends as well
    options = _options()
    profile = QUICK if options.quick else FULL
    bench = options.folder.resolve()
    try:
        session = Session(profile, bench, fresh=options.fresh)
        for cases in groups(profile, options.parts, session.inputs, session.outputs):
            session.take_turns(cases, options.repeats)
            if any(case.part == "a" for case in cases):
                session.run(comparison(profile, session.inputs, session.outputs), 0)
    except WorkerError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
        return 130
    results = session.results()
    sys.stdout.write(report.summary(results))
    done = {record["part"] for record in results["records"]}
    missing = sorted(set(PARTS) - done)
    if missing:
        sys.stdout.write(f"No report yet: parts {', '.join(missing)} are not measured.\n")
        return 0
    page = options.report or (
        ROOT / "docs" / "performance.md" if profile is FULL else bench / "quick" / "performance.md"
    )
    report.write(results, page, python_of("plot", bench))
    session.set_aside("done")
    sys.stdout.write(f"Wrote {page}\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS), help="of a,b,c,d,e; all by default")
    parser.add_argument("--repeats", type=int, default=3, help="runs of every case that takes less than a minute")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the harness; no page of docs")
    parser.add_argument("--fresh", action="store_true", help="measure anew instead of going on")
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench", help="inputs, environments and raw results")
    parser.add_argument("--report", type=Path, help="page to write instead of docs/performance.md")
    options = parser.parse_args()
    options.parts = options.parts.replace(",", "")
    if not options.parts or set(options.parts) - set(PARTS) or options.repeats < 1:
        parser.error("parts are of a,b,c,d,e and repeats at least 1")
    return options


class Session:
    """One benchmark of one state of the sources: its inputs, its raw results, and how to add to them."""

    def __init__(self, profile: Profile, bench: Path, *, fresh: bool) -> None:
        self.profile, self.bench = profile, bench
        self.inputs, self.outputs, self.raw = (bench / profile.name / name for name in ("inputs", "outputs", "raw"))
        self.environment = worker_environment(bench) | {"PYTHONPATH": str(ROOT)}
        self._lock = filelock.FileLock(self.raw.with_name("lock"))
        self._open(fresh)

    def _open(self, fresh: bool) -> None:
        self.raw.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise WorkerError(f"another benchmark is running in {self.raw.parent}; wait for it") from None
        about = self.raw / "about.json"
        sources = _hash(*MEASURED)
        if self.raw.exists() and (fresh or not about.exists() or _load(about)["sources"] != sources):
            sys.stdout.write(f"earlier results set aside in {self.set_aside('replaced').name}\n")
        self.raw.mkdir(parents=True, exist_ok=True)
        self.outputs.mkdir(parents=True, exist_ok=True)
        _write(about, {"sources": sources, "commit": _commit(), "profile": asdict(self.profile), "machine": machine()})
        made_by = self.inputs / "made-by"
        if self.inputs.exists() and not (made_by.exists() and made_by.read_text() == _hash(*MAKERS)):
            shutil.rmtree(self.inputs)
        self.inputs.mkdir(parents=True, exist_ok=True)
        made_by.write_text(_hash(*MAKERS))
        command = [sys.executable, "-m", "benchmarks.inputs", self.profile.name, str(self.inputs)]
        subprocess.run(command, check=True, cwd=ROOT, env=self.environment)

    def set_aside(self, word: str) -> Path:
        """Rename the raw results, so that the next benchmark starts with none."""
        kept = self.raw.with_name(f"{word}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
        os.replace(self.raw, kept)
        return kept

    def take_turns(self, cases: list[Case], repeats: int) -> None:
        """Run every case once a round, each round starting with another one."""
        for case in cases:
            python_of(case.environment, self.bench)  # made now, not between two measurements
        for path in sorted(self.inputs.glob("*.bin")) if any(case.part in "bc" for case in cases) else ():
            with path.open("rb", buffering=0) as file:  # both sides find the files in the page cache
                while file.read(1 << 24):
                    pass
        for turn in range(repeats):
            first = turn % len(cases)
            for case in cases[first:] + cases[:first]:
                if case.most is None or turn < case.most:
                    self.run(case, turn)

    def run(self, case: Case, turn: int) -> None:
        """Run a case, unless its result is there already, and keep what was measured."""
        stem = f"{case.part}-{case.name.replace(' ', '-')}-{turn}"
        kept = self.raw / f"{stem}.json"
        if kept.exists():
            return
        python = python_of(case.environment, self.bench)
        scratch = self.bench / self.profile.name / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(self.outputs / "model", ignore_errors=True)
        scratch.mkdir(parents=True)
        spec, record = scratch / "spec.json", scratch / "record.json"
        _write(spec, {**case.spec, "save": str(case.keeps) if case.keeps and turn == 0 else None})
        if case.worker:
            command = [python, WORKERS / f"{case.worker}.py", spec, record]
        else:
            command = [python, "-m", "wechsel_core", *case.arguments]
        # A home that is new for each run: no index or cache of an earlier run helps this one.
        environment = self.environment | {"WECHSEL_HOME": str(scratch / "home")}
        log = self.bench / self.profile.name / "logs" / f"{stem}.log"
        watched = watch(command, environment, log)
        inner = _load(record) if case.worker else _manifest(log.with_suffix(".out"))
        _write(
            kept,
            {
                "part": case.part, "case": case.name, "turn": turn, "environment": case.environment,
                "process": asdict(watched), "inner": inner, "versions": versions(python),
            },
        )  # fmt: skip
        sys.stdout.write(f"{stem}: {inner.get('seconds', watched.seconds):.2f} s, {watched.peak / 1e6:.0f} MB\n")
        sys.stdout.flush()
        shutil.rmtree(self.outputs / "model", ignore_errors=True)

    def results(self) -> dict[str, Any]:
        """Everything measured so far."""
        records = [_load(path) for path in sorted(self.raw.glob("?-*.json"))]
        return {**_load(self.raw / "about.json"), "records": records}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = next(_values("/proc/cpuinfo", "model name"), platform.processor())
    memory = next(_values("/proc/meminfo", "MemTotal"), "0 kB")
    return {
        "cpu": cpu,
        "cores": cores(),
        "memory_bytes": 1024 * int(memory.split()[0]),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _values(path: str, name: str) -> Iterator[str]:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            yield value.strip()


def _hash(*patterns: str) -> str:
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _commit() -> str:
    try:
        command = ["git", "describe", "--always", "--dirty"]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _manifest(printed: Path) -> dict[str, Any]:
    """The JSON object that the command line printed last, less what says nothing about time."""
    last = json.loads(printed.read_text(encoding="utf-8").splitlines()[-1])
    return {key: last.get(key) for key in ("timings", "counts", "versions")}


def _load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def _write(path: Path, value: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=1))
    os.replace(partial, path)


if __name__ == "__main__":
    sys.exit(main())
