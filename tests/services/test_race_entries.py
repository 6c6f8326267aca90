"""Contestants of a race: how they are written, named and configured, and what is refused."""

from __future__ import annotations

import pytest

from wechsel_core.config import METHODS, RaceConfig
from wechsel_core.errors import ConfigError
from wechsel_core.services.race_entries import ABLATION, ALL, GROUPS, entries, init_config, needs, needs_helper, parse


def test_every_method_of_the_registry_is_in_the_race() -> None:
    assert {parse(name).method for name in ALL} == set(METHODS)


@pytest.mark.parametrize("group", GROUPS)
def test_contestants_of_a_group_are_different_and_named_differently(group: str) -> None:
    found = [parse(name) for name in GROUPS[group]]
    assert len({entry.name for entry in found}) == len({entry.label for entry in found}) == len(found)


def test_ablation_is_the_papers_grid_and_more() -> None:
    grid = [parse(name).options for name in ABLATION if "mode" in name]
    dials = {(options["neighbors"], options["temperature"]) for options in grid}
    assert dials == {(1, 1.0), (10, 0.1), (10, 1.0), (50, 0.1), (50, 1.0)}
    assert len(grid) == 5 * 2 * 2 and len(ABLATION) > len(grid)


def test_options_are_read_by_their_type_and_written_in_one_order() -> None:
    entry = parse("wechsel + temperature=0.5+neighbors=3 + copy_byte_pieces")
    assert entry.options == {"copy_byte_pieces": True, "neighbors": 3, "temperature": 0.5}
    assert entry.name == "wechsel+copy_byte_pieces=True+neighbors=3+temperature=0.5" == parse(entry.name).name
    assert entry.label == "WECHSEL, byte pieces copied, k = 3, tau = 0.5"


@pytest.mark.parametrize(
    "text",
    ["nobody", "wechsel+neighbors", "wechsel+neighbors=few", "wechsel+colour=red", "wechsel+seed=3", "mean+neighbors=3",
     "wechsel+copy_byte_pieces=perhaps", "random+neighbors=3", ""],
)  # fmt: skip
def test_what_cannot_be_read_gets_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse(text)
    assert "; " in str(told.value)


def test_scratch_always_takes_part_once_and_last() -> None:
    assert [e.name for e in entries(RaceConfig(methods="mean,random,mean, wechsel"))] == ["mean", "wechsel", "random"]


@pytest.mark.parametrize("seeds", ["", "a", "1,1", "1,-2", "1,,2", str(2**32)])
def test_seeds_are_different_whole_numbers(seeds: str) -> None:
    with pytest.raises(ConfigError):
        RaceConfig(seeds=seeds)


def test_a_configuration_takes_what_its_method_reads_and_nothing_else() -> None:
    race = RaceConfig(source="s", target_language="sw", dictionary="d", target_vectors="v", target_tokenizer="t")
    mean = init_config(parse("mean"), race, 3, text="x", helper=None)
    assert (mean.source, mean.target_language, mean.target_tokenizer, mean.seed) == ("s", "sw", "t", 3)
    assert mean.dictionary is None and mean.target_vectors is None
    wechsel = init_config(parse("wechsel+similarity=csls"), race, 3, text="x", helper=None)
    assert (wechsel.dictionary, wechsel.target_vectors, wechsel.similarity) == ("d", "v", "csls")
    focus = init_config(parse("focus+auxiliary_text=@text"), race, 3, text="x", helper=None)
    assert focus.auxiliary_text == "x"
    assert init_config(parse("clp"), race, 3, text="x", helper="h").helper == "h"
    assert init_config(parse("random"), race, 3, text="x", helper="h").method == "hf-default"


def test_what_contestants_need_is_said() -> None:
    assert [needs_helper(parse(name)) for name in ("clp", "omp", "wechsel", "random", "clp+helper=mine")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    words = " ".join(needs(("wechsel", "clp", "focus+auxiliary_text=@text", "mean")))
    assert "Static vectors" in words and "CLP" in words and "helper" in words and "race's text" in words
    assert needs(("mean", "normal")) == []
