"""The health report of a result: is it sound, and if not, where and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wechsel_core.config import METHODS, InitConfig
from wechsel_core.errors import OutputError
from wechsel_core.reports.alignment_findings import alignment_section, dictionary_section
from wechsel_core.reports.record import Finding, HealthReport, Section, State, shown
from wechsel_core.reports.row_findings import coverage_section, hubs_section, norms_section, rows_section
from wechsel_core.results import SOURCE_TOKENS, TOKENS, Candidates, read_candidates, read_manifest, read_table
from wechsel_core.transfer.registry import default_options, method
from wechsel_core.transfer.result import TokenKind

if TYPE_CHECKING:
    import pandas as pd

#: Causes before effects: too few pairs spoil the alignment, and that the neighbours.
GRAVITY = (
    "usable_pairs", "usable_share", "p_at_1", "p_at_10", "p_at_5", "residual", "fallback", "covered_tokens",
    "dictionary_reach", "first_neighbour_hubs", "hub_skewness", "csls_gain", "norm_ratio", "mixed", "duplicates",
    "byte_pieces", "copied",
)  # fmt: skip
NAMED = 3


def health_report(folder: Path) -> HealthReport:
    """Judge a result from the tables and the record in its folder; neither model nor vectors are needed.

    Raises
    ------
    OutputError
        If the folder holds no readable result.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    tokens, candidates = read_table(folder, TOKENS), read_candidates(folder)
    source_texts = read_table(folder, SOURCE_TOKENS)["text"].fillna("").tolist()
    try:
        config = dict(manifest["config"])
        given = InitConfig.from_dict(config | {"method": config["method"]})
        sections = _sections(given, manifest, tokens, candidates, source_texts)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # Figures that an older version did not write are told as such; this is a record that was changed by hand.
        raise OutputError(
            f"the record or the tables of {folder} do not fit each other ({type(error).__name__}: {error})",
            "what init wrote",
            "run init again with --force",
        ) from error
    findings = [finding for section in sections for finding in section.findings]
    state, verdict = _verdict(findings, [section.title for section in sections if section.note])
    return HealthReport(folder.resolve().name, str(manifest.get("created", "")), config, verdict, state, sections)


def _sections(
    config: InitConfig, manifest: dict[str, Any], tokens: pd.DataFrame, candidates: Candidates, source_texts: list[str]
) -> tuple[Section, ...]:
    """Every step of WECHSEL; one that is not the method's is left out with the reason."""
    known = method(config.method)
    needs = known.needs(config)
    mixed = bool((candidates.kind == TokenKind.MIXED).any())
    no_pairs = f"{known.title} takes no bilingual dictionary"
    if config.alignment == "none":
        no_pairs = "The static vectors of both languages were left as they are (alignment none)"
    return (
        alignment_section(manifest)
        if "dictionary" in needs
        else Section("alignment", "Alignment", (), f"{no_pairs}, so there is no rotation to judge."),
        dictionary_section(manifest)
        if "dictionary" in needs
        else Section("dictionary", "Dictionary", (), f"{no_pairs}, so there are no pairs to judge."),
        rows_section(manifest, config),
        hubs_section(candidates, source_texts, config)
        if mixed
        else Section("hubs", "Hubs", (), f"No row is mixed from English rows, so there are no hubs. {known.sentence}"),
        norms_section(manifest, tokens, config),
        coverage_section(tokens, config)
        if "target_vectors" in needs
        else Section("coverage", "Coverage by frequency", (), f"{known.title} looks at no static vectors."),
    )


def _verdict(findings: list[Finding], left_out: Sequence[str] = ()) -> tuple[State, str]:
    """The worst problems first, and what to do about the first of them; then the steps that are not the method's."""
    ordered = sorted(findings, key=lambda finding: GRAVITY.index(finding.id))
    found: dict[State, list[Finding]] = {
        state: [finding for finding in ordered if finding.state == state] for state in ("poor", "fair", "unknown")
    }
    n_judged = len(ordered) - len(found["unknown"])
    open_ends = f" {_figures(len(found['unknown']))} could not be judged." if found["unknown"] else ""
    open_ends += f" Left out, with the reason below: {', '.join(left_out)}." if left_out else ""
    if not n_judged:
        return "unknown", "Nothing could be judged: the record of this result holds no figures. Run init again."
    if not found["poor"] and not found["fair"]:
        return "good", f"Every figure that could be judged is good ({n_judged}).{open_ends}"
    parts = [
        f"{_figures(len(found[state]))} of {n_judged} {'is' if len(found[state]) == 1 else 'are'} {state}: "
        f"{_named(found[state])}."
        for state in ("poor", "fair")
        if found[state]
    ]
    worst: State = "poor" if found["poor"] else "fair"
    first = found[worst][0]
    return worst, f"{' '.join(parts)}{open_ends} Start with {first.title}: {_lower(first.advice)}"


def _figures(n: int) -> str:
    return f"{n} figure" if n == 1 else f"{n} figures"


def _named(findings: list[Finding]) -> str:
    names = [f"{finding.title} ({shown(finding.value, finding.unit)})" for finding in findings[:NAMED]]
    more = len(findings) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _lower(sentence: str) -> str:
    return sentence if sentence.startswith("--") else sentence[:1].lower() + sentence[1:]


def describe(config: dict[str, Any]) -> str:
    """One line that says what the result is, with k and tau where its method reads them."""
    name = config.get("method", "?")
    read = default_options(name) if name in METHODS else frozenset()
    dials = {"neighbors": "k", "temperature": "tau"}
    parts = [f"{config.get('source', '?')} to {config.get('target_language', '?')}", name]
    parts += [f"{short} {config.get(field, '?')}" for field, short in dials.items() if field in read]
    return ", ".join(parts)
