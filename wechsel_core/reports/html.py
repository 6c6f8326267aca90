"""The health report as one HTML file: no network, no script; light or dark as the reader's system, fit for paper."""

from __future__ import annotations

import html
import unicodedata

from wechsel_core.reports.health import describe
from wechsel_core.reports.record import (
    STATES,
    Cell,
    Details,
    Finding,
    HealthReport,
    Section,
    State,
    Unit,
    shown,
    shown_interval,
)

#: Control, format, surrogate, private-use and unassigned code points; line and paragraph separators.
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Okabe and Ito's green, orange and vermilion, darkened or lightened until they can be read on their page; each state
# also has a word and a sign.
STYLE = """
:root { color-scheme: light dark; --page: #fdfdfb; --ink: #20272b; --soft: #56626a; --line: #dce1e2; --card: #f4f6f6;
  --bar: #0072b2; --good: #006b4e; --fair: #8a5a00; --poor: #b23a00; --unknown: #56626a; }
@media (prefers-color-scheme: dark) { :root { --page: #14191d; --ink: #e3e8ea; --soft: #a3b0b7; --line: #323c43;
  --card: #1b2228; --bar: #56b4e9; --good: #4fd0a5; --fair: #f0b94a; --poor: #ff9a66; --unknown: #a3b0b7; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 3rem; max-width: 60rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.8rem; margin: 0 0 .25rem; } h2 { font-size: 1.25rem; margin: 2.25rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; flex: 1 1 16rem; } p { margin: .35rem 0; } .soft { color: var(--soft); } .small { font-size: .875rem; }
.verdict { border-left: .4rem solid; padding: .6rem 1rem; margin: 1rem 0; background: var(--card); }
.verdict p { color: var(--ink); }
article { border-top: 1px solid var(--line); padding: .8rem 0; }
.head { display: flex; flex-wrap: wrap; gap: .2rem .9rem; align-items: baseline; }
.value { font-size: 1.25rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.state { font-weight: 650; white-space: nowrap; }
.good { color: var(--good); border-color: var(--good); } .fair { color: var(--fair); border-color: var(--fair); }
.poor { color: var(--poor); border-color: var(--poor); }
.unknown { color: var(--unknown); border-color: var(--unknown); }
.scroll { overflow-x: auto; margin: .6rem 0; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.token { font-family: ui-monospace, monospace; unicode-bidi: isolate; overflow-wrap: anywhere; }
.bar { width: 24%; min-width: 5rem; } .bar span { display: block; height: .7rem; margin-top: .35rem;
  background: var(--bar); border-radius: 2px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
summary { cursor: pointer; margin-top: .4rem; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } article { break-inside: avoid; }
  summary { display: none; } details::details-content { content-visibility: visible; height: auto; } }
"""


def html_page(report: HealthReport) -> str:
    """The whole report; everything that a result can hold is escaped."""
    word, _ = STATES[report.state]
    title = f"Health of {_escaped(report.result)}"
    sections = "".join(_section(section) for section in report.sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f'<p class="soft">{_escaped(describe(report.config))} · made {_escaped(report.created)} · WECHSEL Lab</p>\n'
        f'<div class="verdict {report.state}">{_state(report.state, f"Overall: {word.lower()}")}'
        f"<p>{_escaped(report.verdict)}</p></div>\n{sections}</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    findings = "".join(_finding(finding) for finding in section.findings)
    note = f'<p class="soft">{_escaped(section.note)}</p>\n' if section.note else ""
    return f"<section>\n<h2>{_escaped(section.title)}</h2>\n{note}{findings}</section>\n"


def _finding(finding: Finding) -> str:
    interval = shown_interval(finding)
    beside = f' <span class="soft">{_escaped(interval)}</span>' if interval else ""
    advice = (
        f"<p{' class=soft' if finding.state == 'good' else ''}>{_escaped(finding.advice)}</p>" if finding.advice else ""
    )
    return (
        f'<article id="{finding.id}">\n<div class="head"><h3>{_escaped(finding.title)}</h3>'
        f'<span><span class="value">{_escaped(shown(finding.value, finding.unit))}</span>{beside}</span>'
        f"{_state(finding.state, STATES[finding.state][0])}</div>\n"
        f'<p>{_escaped(finding.meaning)} <span class="soft">{_escaped(finding.thresholds)}</span></p>\n{advice}'
        + "".join(_table(details) for details in finding.details)
        + "</article>\n"
    )


def _state(state: State, words: str) -> str:
    return f'<span class="state {state}"><span aria-hidden="true">{STATES[state][1]}</span> {words}</span>'


def _table(details: Details) -> str:
    names = list(details.columns)
    place = names.index(details.bar) if details.bar else None
    largest = _full_length(details, place)
    head = "".join(f"<th{_class(unit)}>{_escaped(name)}</th>" for name, unit in details.columns.items())
    head += '<th><span class="soft">' + _escaped(f"{details.bar}, as a bar") + "</span></th>" if details.bar else ""
    body = "".join(_row(row, details, place, largest) for row in details.rows)
    table = (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\n'
        f'<p class="soft small">{_escaped(details.caption)}</p>\n'
    )
    if len(details.rows) <= 12:
        return table
    return f"<details><summary>{len(details.rows)} rows</summary>{table}</details>\n"


def _full_length(details: Details, place: int | None) -> float:
    """What a bar of full length stands for: all of a share, else the largest value."""
    if place is None or details.bar is None:
        return 0.0
    return (
        1.0
        if details.columns[details.bar] == "share"
        else max((_size(row[place]) for row in details.rows), default=0.0)
    )


def _row(row: tuple[Cell, ...], details: Details, place: int | None, largest: float) -> str:
    cells = "".join(
        f"<td{_class(unit)}>{_token(value) if unit == 'token' else _escaped(shown(value, unit))}</td>"
        for value, unit in zip(row, details.columns.values(), strict=True)
    )
    if place is not None:
        width = 100 * _size(row[place]) / largest if largest else 0.0
        cells += f'<td class="bar"><span style="width:{width:.1f}%"></span></td>'
    return f"<tr>{cells}</tr>"


def _class(unit: Unit) -> str:
    return {"text": "", "token": ' class="token"'}.get(unit, ' class="number"')


def _size(value: Cell) -> float:
    return max(float(value), 0.0) if isinstance(value, int | float) else 0.0


def _token(value: Cell) -> str:
    """A token's text, in its own direction, its spaces and invisible characters written out."""
    return f'<bdi class="token">{_escaped(str(value).replace(" ", "␣"))}</bdi>'


def _escaped(text: str) -> str:
    visible = "".join(f"⟨U+{ord(c):04X}⟩" if unicodedata.category(c) in UNSEEN else c for c in text)
    return html.escape(visible)
