"""The model card: its front matter read back, licences worked out by hand, hostile names, and nothing invented."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
import yaml

from wechsel_core.catalogue import load_catalogue
from wechsel_core.config import METHODS, InitConfig
from wechsel_core.reports.model_card import (
    LICENCES,
    OWN,
    UNKNOWN,
    CardFacts,
    CardInput,
    cite,
    escaped,
    licence,
    model_card,
)
from wechsel_core.transfer.registry import method

HOSTILE = "a|b`c*d_ <script>alert(1)</script> [x](javascript:1) ![i](http://e) \n# head\n--- \u202e www.evil.example é"


def facts(run: dict[str, Any] | None = None, inputs: tuple[CardInput, ...] = (), **changes: Any) -> CardFacts:
    config = InitConfig(target_language="sw").to_dict() | changes.pop("config", {})
    share = {"p_at_1": 0.125, "p_at_5": 0.5, "p_at_10": 0.75, "n": 40}
    manifest = {
        "config": config,
        "counts": {"tokens": 1234, "mixed": 1200, "copied": 4, "fallback": 30},
        "alignment": {
            "pairs_offered": 90, "pairs_usable": 77, "relative_residual": 0.5, "held_out": {"cosine": {"all": share}},
        },
        "versions": {"wechsel_core": "9.9"}, "warnings": [], "options_beyond_paper": [],
    } | changes.pop("manifest", {})  # fmt: skip
    values: dict[str, Any] = {"kind": "causal", "parameters": 56789, "language": "Swahili", "inputs": inputs}
    return CardFacts(manifest=manifest, run=run, **(values | changes))


def run_of(arm: str, **config: Any) -> dict[str, Any]:
    prepared = {"initialisation": f"start of {arm}", "steps": 60, "learning_rate": 0.0005}
    return {"config": {"arm": arm, "text": "corpus.txt", "seed": 3} | config, "prepared": prepared}


def parts(card: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Front matter and sections by title."""
    _, head, body = card.split("---\n", 2)
    titles = re.split(r"^## (.*)$", body, flags=re.MULTILINE)
    return yaml.safe_load(head), dict(zip(titles[1::2], titles[2::2], strict=True))


def given(*licences: str | None) -> tuple[CardInput, ...]:
    return tuple(CardInput(f"part {place}", "x", words) for place, words in enumerate(licences))


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (("MIT",), ("mit", "")),
        (("MIT", "MIT"), ("mit", "")),
        (("Apache-2.0", "Apache-2.0 (vectors: PDDL 1.0)"), ("apache-2.0", "")),
        (("MIT", "Apache-2.0"), ("other", "apache-2.0")),
        (("CC BY-SA 3.0", "MIT", "CC BY-SA 3.0"), ("other", "cc-by-sa-3.0")),
        ((OWN, OWN), ("other", "wechsel-lab")),
        (("CC BY-SA 3.0", OWN), ("other", "wechsel-lab")),
        (("MIT", None), ("unknown", "")),
        ((OWN, None), ("unknown", "")),
        (("a licence of tomorrow",), ("unknown", "")),
        ((), ("unknown", "")),
    ],
)
def test_licence_of_the_whole(licences: tuple[str | None, ...], expected: tuple[str, str]) -> None:
    assert licence(given(*licences)) == expected


def test_every_licence_of_the_catalogue_is_known() -> None:
    assert {entry.licence for entry in load_catalogue().assets} <= set(LICENCES)


def test_front_matter_reads_back() -> None:
    head, _ = parts(model_card(facts(inputs=given("MIT"), base_model="openai-community/gpt2")))
    assert head == {
        "language": "sw", "license": "mit", "base_model": "openai-community/gpt2", "library_name": "transformers",
        "pipeline_tag": "text-generation", "tags": ["wechsel", "cross-lingual"],
    }  # fmt: skip
    head, _ = parts(model_card(facts(kind="masked", inputs=given("MIT", "CC BY-SA 3.0"))))
    assert head["pipeline_tag"] == "fill-mask" and "base_model" not in head
    assert (head["license"], head["license_name"], head["license_link"]) == ("other", "cc-by-sa-3.0", "README.md")


def test_norwegian_is_a_language_and_no_refusal() -> None:
    head, _ = parts(model_card(facts(config={"target_language": "no"})))
    assert head["language"] == "no"
    assert parts(model_card(facts(config={"target_language": "zh-Hant"})))[0]["language"] == "zh"


def test_figures_stand_where_they_belong() -> None:
    made = (CardInput("dictionary", "pairs.tsv", None, "ab12"), CardInput("English model", "gpt2", "MIT", "cd34"))
    _, sections = parts(model_card(facts(inputs=made, repo_id="someone/swahili")))
    assert "56,789 parameters, 1,234 tokens" in sections["What it is"]
    assert f"| dictionary | pairs.tsv | {html.escape(UNKNOWN).replace(':', '&#58;')} | ab12 |" in sections["Made from"]
    assert "| English model | gpt2 | MIT | cd34 |" in sections["Made from"]
    assert "| fallback | 30 |" in sections["Where the rows come from"]
    assert "77 of 90" in sections["Alignment quality"]
    assert "| cosine | all | 12.5% | 50.0% | 75.0% | 40 |" in sections["Alignment quality"]
    assert "| neighbors | 10 |" in sections["Method"] and "anchors" not in sections["Method"]
    assert 'AutoModelForCausalLM.from_pretrained("someone/swahili")' in sections["How to load it"]
    assert "Minixhofer" in sections["How to cite"] and "3992--4006" in sections["How to cite"]
    assert "30 tokens had no static vector" in sections["Limits"]


def test_nothing_is_told_that_was_not_recorded() -> None:
    _, sections = parts(model_card(facts(manifest={"alignment": None, "versions": {}})))
    assert "Alignment quality" not in sections and "Training" not in sections
    assert sections["Scores"].strip() == "None was recorded."
    assert "not been trained" in sections["What it is"] and "initialised, not trained" in sections["Limits"]


def test_a_run_brings_its_scores_and_settings() -> None:
    scores = [
        {"step": step, "tokens": 10 * step, "loss": loss, "perplexity": 3.5, "bits_per_byte": 1.25}
        for step, loss in ((0, 8.5), (60, 6.25))
    ]
    _, sections = parts(model_card(facts(run_of("wechsel"), scores=scores)))
    assert "| 0 | 0 | 8.5 | 3.5 | 1.25 |\n| 60 | 600 | 6.25 | 3.5 | 1.25 |" in sections["Scores"]
    assert "| text | corpus.txt |" in sections["Training"] and "| learning_rate | 0.0005 |" in sections["Training"]
    assert "start of wechsel" in sections["What it is"] and "not trained" not in sections["Limits"]


@pytest.mark.parametrize(("arm", "english", "rows"), [("random", False, False), ("transinner", True, False)])
def test_other_arms_do_not_pass_for_the_method(arm: str, english: bool, rows: bool) -> None:
    head, sections = parts(model_card(facts(run_of(arm), base_model="openai-community/gpt2")))
    assert head["tags"] == ["cross-lingual"] and ("base_model" in head) == english
    assert ("Where the rows come from" in sections) == ("Alignment quality" in sections) == rows
    assert f"arm was {arm}" in sections["Method"]
    assert ("prejudices" in sections["Limits"]) == english


def test_only_pocket_models_are_called_toys() -> None:
    assert "toys" in parts(model_card(facts()))[1]["Limits"]
    assert "toys" not in parts(model_card(facts(config={"source": "gpt2"})))[1]["Limits"]


def test_hostile_names_are_text() -> None:
    words = escaped(HOSTILE)
    assert not set(words) & set("|`*<>[]()!:\n\u202e") and "\n" not in words
    assert re.sub(r"&#\d+;", "", words).count("#") == 0
    assert "_ " not in words and "www." not in words
    read = html.unescape(words)
    assert read == HOSTILE.replace("\n", "⟨U+000A⟩").replace("\u202e", "⟨U+202E⟩"), "what can be seen is kept"
    assert escaped("target_language cc.fr.300.bin") == "target_language cc.fr.300.bin"


def test_hostile_names_do_not_change_the_card() -> None:
    plain = facts(run_of("wechsel", text="x"), (CardInput("dictionary", "x", None, None),))
    bad = facts(
        run_of("wechsel", text=HOSTILE, held_out=HOSTILE), (CardInput("dictionary", HOSTILE, None, None),),
        language=HOSTILE, config={"source": HOSTILE}, manifest={"warnings": [HOSTILE], "options_beyond_paper": [HOSTILE]},
    )  # fmt: skip
    head, sections = parts(model_card(bad))
    assert list(sections) == list(parts(model_card(plain))[1])
    assert set(head) == set(parts(model_card(plain))[0])
    for section in ("Made from", "Training", "Limits", "Method"):
        assert "<script" not in sections[section] and "](javascript" not in sections[section]
    rows = [line for line in sections["Made from"].splitlines() if line.startswith("| dictionary")]
    assert len(rows) == 1 and rows[0].count("|") == 5


def test_every_method_is_cited() -> None:
    for name in METHODS:
        assert cite(name).startswith("```bibtex\n@inproceedings{minixhofer-etal-2022-wechsel,")
        assert (escaped(method(name).reference) in cite(name)) == (name != "wechsel")
