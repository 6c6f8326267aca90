"""``python -m wechsel_core.pocket.build STEP``: build the pocket tier, step by step.

Steps in order: text, tokenizers, vectors, models, example, evaluation, runs, races, results, card. ``all`` runs them one after
another (a few hours on two cores). Everything but the artifacts goes to the working folder ``--work`` (1.5 GB).
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from wechsel_core.paths import pocket_dir
from wechsel_core.pocket.build import (
    card,
    evaluate,
    example,
    models,
    races,
    recorded,
    results_page,
    sources,
    tokenizers,
    vectors,
)

STEPS = ("text", "tokenizers", "vectors", "models", "example", "evaluation", "runs", "races", "results", "card")
LANGUAGES = ("en", *tokenizers.TARGET_LANGUAGES)


def run(step: str, work: Path) -> None:  # noqa: C901 - one branch a step
    """Run one step."""
    corpora, data = work / "corpora", pocket_dir()
    if step == "text":
        sources.main(work, LANGUAGES, print)
    elif step == "tokenizers":
        tokenizers.build_target_tokenizers(corpora, data / "tokenizers")
    elif step == "vectors":
        for language in LANGUAGES:
            vectors.train_vectors(corpora, language, work / "vectors")
            vectors.prune(work / "vectors", language, data / "vectors")
    elif step == "models":
        for family in tokenizers.FAMILIES:  # RoBERTa starts from an early GPT-2, so the order matters
            models.build_english_model(family, corpora, work / "models" / family, seed=0)
            shutil.copytree(work / "models" / family, data / "models" / family, dirs_exist_ok=True)
    elif step == "example":
        example.write_example(data / "results")
    elif step == "evaluation":
        evaluate.main(work, steps=evaluate.STEPS, seeds=(0,))
    elif step == "runs":
        recorded.main(work.absolute(), data / "runs", print)
    elif step == "races":
        races.main(work.absolute(), data / "races", print)
    elif step == "results":
        results_page.write_page(Path(__file__).parent / "results.md", recorded.ROOT / "docs" / "results.md")
    else:
        pocket = data.parent
        if work.is_dir():  # the card can be written again from the kept records alone
            card.keep_records(work, pocket / "records")
        card.write_card(pocket / "records", data, Path(__file__).parent / "card.md", pocket / "CARD.md")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=(*STEPS, "all"), nargs="?", default="all")
    parser.add_argument("--work", type=Path, default=Path("pocket-work"))
    arguments = parser.parse_args()
    for step in STEPS if arguments.step == "all" else (arguments.step,):
        run(step, arguments.work)


main()
