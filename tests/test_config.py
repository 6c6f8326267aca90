"""The configuration: every refusal, the JSON round trip, hashes and help texts."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wechsel_core import paths, runs
from wechsel_core.config import SMALLEST_TEMPERATURE, InitConfig, config_hash, field_help
from wechsel_core.errors import ConfigError, InputError, WechselError
from wechsel_core.results import read_manifest


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"neighbors": 0}, "neighbors is 0"),
        ({"neighbors": -3}, "neighbors is -3"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"temperature": -0.1}, "temperature is -0.1"),
        ({"temperature": 0.0009}, "temperature is 0.0009"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "seed is 4294967296"),
        ({"method": "magic"}, "method is 'magic'"),
        ({"mode": "char"}, "mode is 'char'"),
        ({"compat": "paper"}, "compat is 'paper'"),
        ({"tokenizer_kind": "sentencepiece"}, "tokenizer_kind is 'sentencepiece'"),
        ({"target_tokenizer": "a", "tokenizer_corpus": "b"}, "both a target tokenizer and a tokenizer corpus"),
        ({"vocab_size": 0, "tokenizer_corpus": "b"}, "vocab_size is 0"),
        ({"vocab_size": -5, "tokenizer_corpus": "b"}, "vocab_size is -5"),
        ({"vocab_size": 500}, "vocab_size without a tokenizer corpus"),
        ({"compat": "reference", "copy_byte_pieces": True}, "compat=reference together"),
        ({"compat": "reference", "prefer_word_initial": True}, "compat=reference together"),
        ({"compat": "reference", "distinct_texts": True}, "compat=reference together"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused(values: dict[str, Any], says: str) -> None:
    """What was found, what was expected, what to do; exit code 2; the same from a stored config."""
    for make in (lambda: InitConfig(**values), lambda: InitConfig.from_dict(values)):
        with pytest.raises(ConfigError) as caught:
            make()
        found, expected, remedy = str(caught.value).split("; ")
        assert found.startswith(says) and expected.startswith("expected ") and remedy
        assert caught.value.exit_code == 2 and isinstance(caught.value, InputError | WechselError)


@pytest.mark.parametrize(
    "values",
    [
        {"neighbors": 1},
        {"temperature": SMALLEST_TEMPERATURE},
        {"temperature": 1e6},
        {"seed": 0},
        {"seed": 2**32 - 1},
        {"vocab_size": 1, "tokenizer_corpus": "b"},
        {"compat": "reference"},
        {"copy_byte_pieces": True, "prefer_word_initial": True, "distinct_texts": True},
    ],
    ids=str,
)
def test_edges_are_accepted(values: dict[str, Any]) -> None:
    assert InitConfig.from_dict(values) == InitConfig(**values)


@pytest.mark.parametrize(
    "values",
    [{"neighbors": 2.5}, {"neighbors": "10"}, {"seed": 0.5}, {"temperature": "0.1"}, {"neighbors": True}],
    ids=str,
)
def test_wrong_types_are_refused(values: dict[str, Any]) -> None:
    """A stored or hand-written config may hold anything: the outcome is a ConfigError, not a TypeError, nor 2.5
    neighbours.
    """
    with pytest.raises(ConfigError):
        InitConfig.from_dict(values)


def test_defaults_are_the_papers() -> None:
    config = InitConfig()
    assert (config.neighbors, config.temperature, config.method, config.compat) == (10, 0.1, "wechsel", None)
    assert not (config.copy_byte_pieces or config.prefer_word_initial or config.distinct_texts), "off by default"


def test_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        InitConfig().neighbors = 3  # type: ignore[misc]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    values=st.fixed_dictionaries(
        {},
        optional={
            "source": st.text('ab/é狗" ', max_size=8),
            "neighbors": st.integers(1, 1000),
            "temperature": st.floats(SMALLEST_TEMPERATURE, 1e6),
            "seed": st.integers(0, 2**32 - 1),
            "mode": st.sampled_from(["auto", "subword", "word"]),
            "dictionary": st.none() | st.text('ab/é狗" ', max_size=8),
            "tokenizer_kind": st.sampled_from(["bpe", "unigram", "wordpiece"]),
            "distinct_texts": st.booleans(),
        },
    )
)
def test_json_round_trip(values: dict[str, Any]) -> None:
    """Through JSON text and back: equal, to the last digit of the temperature, with the same hash."""
    config = InitConfig(**values)
    again = InitConfig.from_dict(json.loads(json.dumps(config.to_dict(), allow_nan=False)))
    assert again == config and again.hash == config.hash


@pytest.mark.parametrize("unknown", ["neighbours", "k", "Source", ""])
def test_unknown_names_are_refused(unknown: str) -> None:
    """A misspelt option must not fall back to the default in silence."""
    with pytest.raises(ConfigError, match=f"unknown parameter {unknown}"):
        InitConfig.from_dict({**InitConfig().to_dict(), unknown: 3})


def test_hash_ignores_order_and_sees_every_value() -> None:
    assert config_hash({"a": 1, "b": "é"}) == config_hash({"b": "é", "a": 1})
    base = InitConfig(tokenizer_corpus="c").to_dict()
    other = {
        "neighbors": 11, "temperature": 0.2, "seed": 1, "mode": "word", "tokenizer_kind": "unigram", "vocab_size": 9,
        "compat": "reference", "tokenizer_corpus": "d", "method": "other",
    }  # fmt: skip
    for name, value in base.items():
        changed = other.get(name, not value if isinstance(value, bool) else "x")
        assert config_hash(base | {name: changed}) != config_hash(base), name
    assert len(config_hash(base)) == 64


def test_a_configuration_keeps_its_hash() -> None:
    """The example and the recorded runs were made before some settings came; today's configuration is theirs."""
    example = read_manifest(paths.examples_dir() / "pocket-gpt2-fr")
    assert InitConfig.from_dict(example["config"]).hash == example["config_hash"]
    recorded = {
        entry["run"]["result"]["config_hash"]
        for entry in runs.list_runs()
        if entry["recorded"] and entry["run"]["result"]["name"] == "pocket-gpt2-fr"
    }
    assert recorded == {example["config_hash"]}


@pytest.mark.parametrize("values", [{"similarity": "csls"}, {"anchors": 8}, {"alignment": "none"}, {"factors": 4}])
def test_a_later_setting_counts_where_it_is_set(values: dict[str, Any]) -> None:
    assert InitConfig(**values).hash != InitConfig().hash


def test_every_field_has_help_and_a_valid_default() -> None:
    """Widgets, flags and help texts come from these fields."""
    for item in dataclasses.fields(InitConfig):
        text = field_help(InitConfig, item.name)
        assert text.endswith(".") and len(text) > 15, item.name
        choices = item.metadata.get("choices")
        assert choices is None or item.default in choices


def test_error_parts() -> None:
    error = ConfigError("a", "b", "c")
    assert (error.found, error.expected, error.remedy, str(error)) == ("a", "b", "c", "a; expected b; c")
