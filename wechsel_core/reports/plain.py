"""The health report as text for a terminal."""

from __future__ import annotations

import textwrap

from wechsel_core.reports.health import describe
from wechsel_core.reports.record import STATES, HealthReport, shown, shown_interval

WIDTH = 100


def plain_text(report: HealthReport) -> str:
    """Verdict and findings; advice for what is not good alone."""
    lines = [f"{report.result}: {describe(report.config)}", "", *textwrap.wrap(report.verdict, WIDTH)]
    for section in report.sections:
        lines += ["", section.title]
        if section.note:
            lines += textwrap.wrap(section.note, WIDTH, initial_indent="  ", subsequent_indent="  ")
        for finding in section.findings:
            word, sign = STATES[finding.state]
            interval = shown_interval(finding)
            value = shown(finding.value, finding.unit) + (f" ({interval})" if interval else "")
            lines.append(f"  {sign} {word:<11}{finding.title}: {value}")
            if finding.state in ("fair", "poor"):
                told = f"{finding.thresholds} {finding.advice}"
                lines += textwrap.wrap(told, WIDTH, initial_indent=" " * 15, subsequent_indent=" " * 15)
    return "\n".join(lines)
