"""The command line: a thin layer over ``services``."""

from __future__ import annotations

import sys
from typing import Any

import typer

from wechsel_core.cli import assets, evaluate, export, race, training, transfer
from wechsel_core.cli.transfer import init
from wechsel_core.errors import WechselError

__all__ = ["app", "init", "main"]

app = typer.Typer(
    add_completion=False, help="WECHSEL Lab: cross-lingual vocabulary transfer.",
    pretty_exceptions_enable=False,
)  # fmt: skip
app.command(cls=transfer.InitCommand)(init)
for _command in (
    transfer.methods, transfer.neighbors, transfer.report, evaluate.evaluate, export.export, training.train, training.compare,
    race.race, assets.doctor,
):  # fmt: skip
    app.command()(_command)
app.add_typer(training.app, name="runs")
app.add_typer(assets.app, name="assets")

#: typer keeps its usage errors in a private module; their class is the base of one that it shows.
_UsageError: Any = typer.BadParameter.__base__


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; a ``WechselError`` becomes one line on stderr and its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(args=arguments or ["--help"], prog_name="python -m wechsel_core", standalone_mode=False)
    except WechselError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except _UsageError as error:
        found = " ".join(error.format_message().split()).rstrip(".")
        sys.stderr.write(f"error: {found}; expected what --help lists; correct the command or run it with --help\n")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("cancelled\n")
        return 130
    return code if isinstance(code, int) else 0
