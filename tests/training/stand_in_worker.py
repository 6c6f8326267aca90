"""A worker without any training: what the launcher's tests start in place of the real one.

``stand-in.json`` in the run's folder may hold: steps, seconds (a step), loading (seconds before it listens to signals),
printed (bytes), children (processes that ignore signals), orphan (a grandchild
whose parent has ended), deaf (ignore stop requests), exit (a code to end with at once), late (the
signal of a stop comes when the end is noted and nothing listens any more).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import filelock

from wechsel_core import processes, runs


def main() -> int:
    folder = Path(sys.argv[1])
    place = folder / "stand-in.json"
    given = json.loads(place.read_text()) if place.exists() else {}
    if "exit" in given:
        return int(given["exit"])
    time.sleep(given.get("loading", 0))
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    try:
        with filelock.FileLock(folder / runs.LOCK, timeout=0):
            code = train(folder, given, told)
            if given.get("late"):
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGTERM)
            return code
    except filelock.Timeout:
        sys.stderr.write("another worker\n")
        return 2


def train(folder: Path, given: dict[str, float], told: list[bool]) -> int:
    attempt = int(runs.read_status(folder)["attempt"]) + 1
    runs.write_status(folder, state="running", phase="Training", attempt=attempt, **processes.identity())
    for _ in range(int(given.get("children", 0))):
        script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
        subprocess.Popen([sys.executable, "-c", script])
    if given.get("orphan"):
        subprocess.run(["sh", "-c", "sleep 60 &"], check=True)
    sys.stdout.write("x" * int(given.get("printed", 0)))
    steps = int(given.get("steps", 1000))
    whole = runs.whole_checkpoints(folder)
    done = int(whole[-1].name.rsplit("-")[-1]) if whole else 0
    with runs.MetricsWriter(folder, attempt) as metrics:
        while done < steps:
            if not given.get("deaf") and (told or runs.stop_requested(folder)):
                save(folder, done)
                runs.heartbeat(folder, state="stopped", phase="", step=done)
                return 0
            time.sleep(given.get("seconds", 0.01))
            done += 1
            metrics.write("train", step=done, tokens=done, loss=1.0, seconds=done * 0.01)
            runs.heartbeat(folder, step=done, cwd=os.getcwd())
            if done % 10 == 0:
                save(folder, done)
    runs.heartbeat(folder, state="finished", phase="", step=done)
    return 0


def save(folder: Path, step: int) -> None:
    place = folder / runs.CHECKPOINTS / f"checkpoint-{step}"
    place.mkdir(parents=True, exist_ok=True)
    (place / runs.COMPLETE).touch()


if __name__ == "__main__":
    sys.exit(main())
