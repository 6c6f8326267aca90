"""Models and tokenizers by hub id, from a hub of the test's own: sharded, offline from the cache, gated, absent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import ROBERTA_SPECIALS, tiny_model, tiny_tokenizer
from tests.loopback_hub import Hub, running_hub
from wechsel_core.errors import ModelError
from wechsel_core.models import load_model

NAME = "someone/tiny-gpt2"
LOAD = """
import sys
from wechsel_core.models import load_model
from wechsel_core.tokenizers.load import load_tokenizer
for _ in range(2):
    loaded = load_model(sys.argv[1])
    print(loaded.name, loaded.kind, loaded.weights_sha256(), loaded.model.lm_head.weight.detach().sum().item())
print(len(load_tokenizer(sys.argv[1])))
"""
REFUSED = """
import sys
from wechsel_core.errors import InputError
from wechsel_core.models import load_model
from wechsel_core.tokenizers.load import load_tokenizer
for name in sys.argv[1:]:
    for function in (load_model, load_tokenizer):
        try:
            print("loaded", function(name))
        except InputError as error:
            print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 in shards, as ``save_pretrained`` writes it for large models."""
    folder = tmp_path_factory.mktemp("repository")
    tokenizer = tiny_tokenizer("bpe", special_tokens=ROBERTA_SPECIALS)
    tiny_model("gpt2", tokenizer).save_pretrained(folder, max_shard_size="20KB")
    tokenizer.save_pretrained(folder)
    assert len(list(folder.glob("model-*.safetensors"))) > 1 and not (folder / "model.safetensors").exists()
    return folder


@pytest.fixture
def hub(repository: Path) -> Iterator[Hub]:
    with running_hub() as state:
        state.repositories[NAME] = repository
        yield state


def refused(hub: Hub, tmp_path: Path, *names: str, **variables: str) -> list[str]:
    """What ``load_model`` and ``load_tokenizer`` say of each name, without the class of the error."""
    lines = hub.run(REFUSED, *names, home=tmp_path / "hf", **variables)
    assert [line.split()[0] for line in lines] == ["ModelError", "TokenizerError"] * len(names), lines
    return [line.partition(" ")[2] for line in lines]


def test_sharded_model_then_offline_from_the_cache(hub: Hub, repository: Path, tmp_path: Path) -> None:
    """A gated one, so that the token of the environment is needed for every file; no token is needed offline."""
    local = load_model(repository)
    total = local.model.lm_head.weight.detach().sum().item()
    expected = [f"{NAME} causal {local.weights_sha256()} {total}"] * 2 + [str(len(local.tokenizer))]
    hub.gated.add(NAME)
    assert hub.run(LOAD, NAME, home=tmp_path / "hf", HF_TOKEN="right-token") == expected
    assert hub.n_asked("/cdn/") == len(list(repository.glob("model-*.safetensors"))), "each shard once"
    hub.asked.clear()
    assert hub.run(LOAD, NAME, home=tmp_path / "hf", HF_HUB_OFFLINE="1") == expected and not hub.asked
    hub.url = "http://127.0.0.1:9"  # nobody listens
    assert hub.run(LOAD, NAME, home=tmp_path / "hf") == expected


def test_refusals(hub: Hub, tmp_path: Path) -> None:
    encoder_decoder = tmp_path / "t5"
    encoder_decoder.mkdir()
    config = '{"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}'
    (encoder_decoder / "config.json").write_text(config)
    (encoder_decoder / "model.safetensors").write_bytes(bytes(1000))
    hub.repositories |= {"someone/t5": encoder_decoder, "someone/page": encoder_decoder}
    hub.gated.add(NAME)
    hub.impostors.add("someone/page")  # such as the login page of a public network
    said = refused(hub, tmp_path, "nobody/nothing", NAME, "someone/page", "someone/t5")
    assert all("has no public model 'nobody/nothing'" in line for line in said[:2])
    assert all(f"'{NAME}' is gated" in line and "no token is set" in line and "HF_TOKEN" in line for line in said[2:4])
    assert all("for 'someone/page' is no Hugging Face hub" in line for line in said[4:6])
    assert "is an encoder-decoder" in said[6] and "'someone/t5' on the Hugging Face hub holds no tokenizer" in said[7]
    assert hub.n_asked("model.safetensors") == 0, "what cannot be used is not downloaded"


def test_offline_with_an_empty_cache(hub: Hub, tmp_path: Path) -> None:
    assert all("HF_HUB_OFFLINE is set" in line for line in refused(hub, tmp_path, NAME, HF_HUB_OFFLINE="1"))
    assert not hub.asked


def test_unreachable_host(hub: Hub, tmp_path: Path) -> None:
    hub.url = "http://127.0.0.1:9"
    assert all("127.0.0.1:9 cannot be reached" in line for line in refused(hub, tmp_path, NAME))


@pytest.mark.parametrize("name", ["two words", "a/b/c", "a--b", "-x"])
def test_malformed_hub_id(name: str) -> None:
    with pytest.raises(ModelError, match="well-formed hub id"):
        load_model(name)
