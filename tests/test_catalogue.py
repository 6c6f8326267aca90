"""The catalogue: its own file is sound, every fault in one is told, unknown names get near ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wechsel_core.catalogue import Catalogue, load_catalogue
from wechsel_core.errors import AssetError, ConfigError, ModelError

POCKET = ("en", "fr", "de", "zh", "sw")

LANGUAGE = """
[[language]]
code = "en"
name = "English"
native = "English"
fasttext = "en"
tier = "pocket"
[[language]]
code = "gd"
name = "Scottish Gaelic"
native = "Gàidhlig"
fasttext = "gd"
dictionary = "scottish gaelic"
tier = "hub"
"""
ASSET = """
[[asset]]
name = "a"
kind = "model"
tier = "hub"
where = "owner/a"
licence = "MIT"
"""


def read(text: str, tmp_path: Path) -> Catalogue:
    path = tmp_path / "catalogue.toml"
    path.write_text(text, "utf-8")
    return load_catalogue.__wrapped__(path)


def test_what_is_listed():
    catalogue = load_catalogue()
    assert catalogue is load_catalogue()
    assert {asset.name for asset in catalogue.find("model")} == {
        "pocket-gpt2", "pocket-roberta", "smollm2-135m", "gpt2", "distilgpt2", "roberta-base"
    }  # fmt: skip
    assert [language.code for language in catalogue.languages if language.tier == "pocket"] == list(POCKET)
    assert {"su", "gd", "ug", "mg", "es", "it", "uk"} <= {language.code for language in catalogue.languages}
    for language in catalogue.languages:
        assert catalogue.find("vectors", language.code)
        if language.code != "en":
            assert language.dictionary and catalogue.find("dictionary", language.code)


@pytest.mark.parametrize(
    ("name", "code"),
    [("wiktionary-fr", "fr"), ("wiktionary-french", "fr"), ("wiktionary-Scottish Gaelic", "gd"),
     ("wiktionary-scottish_gaelic", "gd"), ("WIKTIONARY-SWAHILI", "sw")],
)  # fmt: skip
def test_dictionaries_by_code_or_language_name(name, code):
    catalogue = load_catalogue()
    assert catalogue.asset(name).name == catalogue.named(name, "dictionary").name == f"wiktionary-{code}"
    assert catalogue.named(name, "vectors") is None and catalogue.named("no such thing") is None


def test_find_orders_by_tier():
    catalogue = load_catalogue()
    assert [asset.name for asset in catalogue.find("vectors", "fr")] == [
        "pocket-fr-vectors",
        "vectors-fr-md",
        "cc.fr.300",
    ]
    (tokenizer,) = catalogue.find("tokenizer", "sw", family="roberta")
    assert tokenizer.name == "pocket-sw-roberta-tokenizer"
    assert not catalogue.find("tokenizer", "en")
    assert {asset.tier for asset in catalogue.find(tier="wheel")} == {"wheel"}
    assert len(catalogue.find()) == len(catalogue.assets)


def test_places():
    catalogue = load_catalogue()
    assert catalogue.model("pocket-gpt2").where == "models/gpt2"
    assert catalogue.asset("pocket-de-vectors").where == "vectors/de"
    assert catalogue.asset("pocket-zh-dictionary").where == "dictionaries/zh.tsv"
    assert catalogue.asset("cc.sw.300").where.endswith("/cc.sw.300.bin.gz") and catalogue.asset("cc.sw.300").is_url
    assert catalogue.asset("wiktionary-gd").where.endswith("/scottish%20gaelic.txt")
    assert not catalogue.model("gpt2").is_url


def test_wheels_are_pinned():
    for asset in load_catalogue().find(tier="wheel"):
        assert re.fullmatch(r"[\w-]+==[\d.]+", asset.where)
        assert asset.n_bytes and asset.sha256 and asset.members and asset.licence


def test_unknown_names_list_near_ones():
    catalogue = load_catalogue()
    with pytest.raises(ModelError, match="pocket-gpt2"):
        catalogue.model("poket-gpt2")
    with pytest.raises(ModelError, match="for instance"):
        catalogue.model("zzzzzzzz")
    with pytest.raises(ModelError, match="unknown model 'cc.fr.300'"):
        catalogue.model("cc.fr.300")
    with pytest.raises(AssetError, match="vectors-fr-md"):
        catalogue.asset("vectors-fr-mb")
    with pytest.raises(AssetError, match="perhaps .*glove-en-50d"):
        catalogue.asset("glove-en")
    with pytest.raises(AssetError, match="perhaps wiktionary-French"):
        catalogue.asset("french")
    with pytest.raises(ConfigError, match="unknown language 'xx'"):
        catalogue.language("xx")
    with pytest.raises(ConfigError, match="write 'fr'"):
        catalogue.language("french")
    assert catalogue.language("sw").name == "Swahili"


def test_template_gives_one_entry_a_language(tmp_path):
    template = '[[template]]\nname = "d-{code}"\nkind = "dictionary"\ntier = "hub"\nlanguages = "targets"\n'
    template += 'where = "https://example.org/{dictionary}.txt"\nlicence = "CC0"\n'
    (asset,) = read(LANGUAGE + template, tmp_path).assets
    assert (asset.name, asset.language) == ("d-gd", "gd")
    assert asset.where == "https://example.org/scottish%20gaelic.txt"
    with pytest.raises(ConfigError, match="placeholder that en has not"):
        read(LANGUAGE + template.replace('"targets"', '"all"'), tmp_path)
    with pytest.raises(ConfigError, match="languages 'some'"):
        read(LANGUAGE + template.replace('"targets"', '"some"'), tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("this is not TOML", "cannot be read"),
        ("[[corpus]]\nname = 'x'", "tables"),
        (ASSET + 'colour = "red"', "unknown keys"),
        (ASSET.replace('licence = "MIT"', ""), "no licence"),
        (ASSET.replace('"hub"', '"cloud"'), "tier 'cloud'"),
        (ASSET.replace('"model"', '"modle"'), "kind 'modle'"),
        (ASSET + ASSET, "asset a twice"),
        (LANGUAGE + LANGUAGE, "language en, gd twice"),
        (ASSET + 'alias = "a"', "asset a twice"),
        (ASSET + 'language = "fr"', "language 'fr'"),
        (ASSET + "n_bytes = true", "n_bytes = True"),
        (ASSET + 'sha256 = "abc"', "64 hexadecimal"),
        (ASSET + 'members = ["x"]', "wheels alone"),
        (ASSET.replace("owner/a", "http://example.org/a"), "https URL"),
        (ASSET.replace('"hub"', '"pocket"').replace("owner/a", "../a"), "relative path"),
        (ASSET.replace('"hub"', '"pocket"').replace("owner/a", "/a"), "relative path"),
        (ASSET.replace('"hub"', '"wheel"').replace("owner/a", "a==1.0"), "incomplete wheel"),
        (
            ASSET.replace('"hub"', '"wheel"').replace("owner/a", "a==1.0")
            + f'sha256 = "{"0" * 64}"\nmembers = ["../x"]',
            "outside the wheel",
        ),
    ],
)
def test_faults_are_told(text, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        read(text, tmp_path)


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_catalogue(tmp_path / "none.toml")
