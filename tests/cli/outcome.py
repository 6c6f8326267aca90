"""What a command line printed and returned, and the form of a refusal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.out.splitlines()[-1]))


def check_sentence(outcome: Outcome) -> None:
    assert outcome.code == 2 and outcome.out == ""
    assert outcome.err.startswith("error: ") and outcome.err.count("\n") == 1 and outcome.err.endswith("\n")
    found, expected, remedy = outcome.err.removeprefix("error: ").rstrip("\n").split("; ", 2)
    assert found and expected.startswith("expected ") and len(remedy) > 3
    assert "Traceback" not in outcome.err
