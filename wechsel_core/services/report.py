"""The health report of a result, for pages and the command line."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from wechsel_core.errors import OutputError
from wechsel_core.reports import health
from wechsel_core.reports.html import html_page
from wechsel_core.reports.plain import plain_text
from wechsel_core.reports.record import NOT_RECORDED, STATES, Details, Finding, HealthReport, shown, shown_interval
from wechsel_core.services.results import result_folder

__all__ = [
    "NOT_RECORDED", "STATES", "Details", "Finding", "HealthReport", "health_report", "health_report_in", "html_page",
    "plain_text", "shown", "shown_interval", "to_json", "write_html",
]  # fmt: skip


def health_report(result_id: str) -> HealthReport:
    """The report of a result made by the app, or of an example."""
    return health_report_in(result_folder(result_id))


def health_report_in(folder: Path) -> HealthReport:
    """``health_report`` for any result folder."""
    return health.health_report(folder)


def to_json(report: HealthReport) -> str:
    """The report as a JSON object."""
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)


def write_html(report: HealthReport, path: Path, *, force: bool = False) -> None:
    """Write the report as one HTML file that needs no network.

    Raises
    ------
    OutputError
        If the file is there already and ``force`` is not given, or it cannot be written.
    """
    path = Path(path)
    if path.exists() and (path.is_dir() or not force):
        remedy = "give a file name" if path.is_dir() else "give another name, or --force to replace it"
        raise OutputError(f"{path} is there already", "the name of a new file", remedy)
    try:
        descriptor, scratch = tempfile.mkstemp(dir=path.absolute().parent, prefix=".", suffix=".html")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(html_page(report))
            os.chmod(scratch, 0o644)
            os.replace(scratch, path)
        except BaseException:
            os.unlink(scratch)
            raise
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror})", "a folder that can be written to", "choose another place"
        ) from error
