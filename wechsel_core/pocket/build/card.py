"""Write the pocket's card: a hand-written frame around figures read from the build's records."""

from __future__ import annotations

import hashlib
import json
import shutil
import statistics
from pathlib import Path
from typing import Any

from wechsel_core.pocket.build.evaluate import ARMS, LEARNING_RATE
from wechsel_core.pocket.build.tokenizers import FAMILIES, TARGET_LANGUAGES
from wechsel_core.vectors.open import open_vectors

LANGUAGES = ("en", *TARGET_LANGUAGES)


def keep_records(work: Path, records: Path) -> None:
    """Copy what the card's figures come from, so that they can be traced: corpus sizes and evaluation curves."""
    records.mkdir(exist_ok=True)
    for path in (work / "corpora" / "corpora.json", *sorted((work / "evaluation").glob("*.json"))):
        shutil.copy(path, records / path.name)


def write_card(folder: Path, data: Path, template: Path, out: Path) -> None:
    """Fill ``{{name}}`` places of the template with tables; ``folder`` holds the kept records."""
    records = [json.loads(path.read_text()) for path in sorted(folder.glob("*-*.json"))]
    contents = {
        "corpora": _corpora(folder),
        "models": _models(data),
        "vectors": _vectors(data),
        "precision": _precision(records),
        "transfer": _transfer(records),
        "files": _files(data),
    }
    fill(template, contents, out)


def fill(template: Path, contents: dict[str, str], out: Path) -> None:
    """Write a hand-written page with its ``{{name}}`` places filled."""
    text = template.read_text("utf-8")
    for name, content in contents.items():
        text = text.replace("{{" + name + "}}", content)
    out.write_text(text, "utf-8")


def table(header: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def _corpora(folder: Path) -> str:
    record = json.loads((folder / "corpora.json").read_text())
    rows = []
    for language in LANGUAGES:
        train, heldout = record[language]["train"], record[language]["heldout"]
        rows.append(
            [language, f"{train['bytes'] / 1e6:.2f}", f"{train['lines']:,}", f"{heldout['bytes'] / 1e6:.2f}"]
            + [f"`{part['sha256'][:12]}`" for part in (train, heldout)]
        )
    return table(["language", "train MB", "lines", "held-out MB", "train sha256", "held-out sha256"], rows)


def _models(data: Path) -> str:
    rows = []
    for family in FAMILIES:
        record = json.loads((data / "models" / family / "training.json").read_text())
        tokens = record["batch_size"] * record["block_size"] * record["curve"][-1]["step"]
        rows.append(
            [f"pocket-{family}", f"{record['parameters'] / 1e6:.2f} M", f"{tokens / 1e6:.1f} M"]
            + [f"{record['untrained_bits_per_byte']:.3f}", f"{record['unigram_bits_per_byte']:.3f}"]
            + [f"**{record['curve'][-1]['bits_per_byte']:.3f}**", f"{record['curve'][-1]['heldout_loss']:.3f}"]
        )
    header = ["model", "parameters", "tokens trained on", "untrained", "unigram", "trained", "loss (nats a token)"]
    return table(header, rows)


def _vectors(data: Path) -> str:
    rows = []
    for language in LANGUAGES:
        store = open_vectors(data / "vectors" / language)
        size = sum(path.stat().st_size for path in (data / "vectors" / language).iterdir())
        rows.append([language, f"{len(store.words):,}", store.dim, f"{size / 1e6:.1f} MB", f"`{store.sha256[:12]}`"])
    return table(["language", "words", "dimensions", "size", "sha256"], rows)


def _precision(records: list[dict[str, Any]]) -> str:
    rows = []
    for language in TARGET_LANGUAGES:
        record = next(r for r in records if r["language"] == language)
        held_out = record["held_out_precision"]
        row: list[Any] = [language, f"{record['pairs_usable']:,}"]
        for measure in ("cosine", "csls"):
            for words in ("all", "frequent"):
                shares = held_out[measure][words]
                row.append(f"{shares['p_at_1']:.1%} / {shares['p_at_5']:.1%}")
        rows.append([*row, f"{held_out['cosine']['all']['n']:,} / {held_out['cosine']['frequent']['n']:,}"])
    header = ["language", "usable pairs", "cosine, all words", "cosine, frequent", "CSLS, all", "CSLS, frequent", "n"]
    return table(header, rows)


def _transfer(records: list[dict[str, Any]]) -> str:
    rows = []
    for family in FAMILIES:
        for language in TARGET_LANGUAGES:
            runs = [r for r in records if (r["language"], r["family"]) == (language, family)]
            if not runs:
                continue
            last = str(runs[0]["steps"])
            row: list[Any] = [f"{family} {language}", f"{statistics.mean(r['unigram'] for r in runs):.3f}"]
            for step in ("0", last):
                values = [statistics.mean(r["arms"][arm][step] for r in runs) for arm in ARMS]
                best = min(values)
                row += [f"**{value:.3f}**" if value == best else f"{value:.3f}" for value in values]
            rows.append([*row, len(runs)])
    last = records[0]["steps"]
    header = [
        "model",
        "unigram",
        *(f"{arm}, step 0" for arm in ARMS),
        *(f"{arm}, step {last}" for arm in ARMS),
        "seeds",
    ]
    note = f"Learning rate {LEARNING_RATE:g}, {last} steps of 2,048 tokens each."
    return table(header, rows) + "\n\n" + note


def _files(data: Path) -> str:
    rows = []
    for path in sorted(data.rglob("*")):
        if path.is_file() and path.relative_to(data).parts[0] != "runs":  # their run.json holds hashes of its own
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            rows.append([f"`{path.relative_to(data)}`", f"{path.stat().st_size:,}", f"`{digest}`"])
    return table(["file", "bytes", "sha256"], rows)
