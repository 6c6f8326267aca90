"""Models of real size with random weights, and what ``init`` reads beside them; run as a module, it measures one.

    python -m tests.services.real_size FOLDER

writes the result of ``FOLDER`` (see ``write_llama``) to ``FOLDER/result`` and prints the peak of anonymous memory.
"""

from __future__ import annotations

import itertools
import json
import string
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.services.tiny_files import write_bin
from wechsel_core.config import InitConfig

#: Of fastText files: many tokens, few dimensions, as the search has tests of its own.
STATIC_DIM = 8


def wide_tokenizer(n_tokens: int, specials: dict[str, str]) -> Any:
    """A byte-level BPE tokenizer of any size that nothing had to be trained for: "aa", "ab", ... "Ġaaa"..."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    ordered = [*dict.fromkeys(specials.values()), *sorted(pre_tokenizers.ByteLevel.alphabet())]
    merges = list(itertools.islice(_merges(), n_tokens - len(ordered)))
    vocabulary = {token: place for place, token in enumerate([*ordered, *(a + b for a, b in merges)])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    roles = {f"{role}_token": token for role, token in specials.items()}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **roles)


def _merges() -> Iterator[tuple[str, str]]:
    letters = string.ascii_lowercase
    starts = ["Ġ" + letter for letter in letters] + list(letters)
    yield from (("Ġ", letter) for letter in letters)
    pieces = [(start, letter) for start in starts for letter in letters]
    while True:
        yield from pieces
        pieces = [(a + b, letter) for a, b in pieces for letter in letters]


def write_inputs(folder: Path, n_target: int, specials: dict[str, str]) -> None:
    """Two fastText files, a dictionary and the target tokenizer."""
    words = ["".join(letters) for letters in itertools.product("abcdef", repeat=3)]
    for language, seed in (("en", 1), ("fr", 2)):
        write_bin(folder / f"{language}.bin", words, seed=seed, dim=STATIC_DIM)
    (folder / "en-fr.tsv").write_text("".join(f"{word}\t{word}\n" for word in words), "utf-8")
    wide_tokenizer(n_target, specials).save_pretrained(folder / "tokenizer")


def config_of(folder: Path) -> InitConfig:
    """The configuration over what ``write_inputs`` wrote and the model at ``folder/model``."""
    return InitConfig(
        source=str(folder / "model"),
        target_language="fr",
        source_vectors=str(folder / "en.bin"),
        target_vectors=str(folder / "fr.bin"),
        dictionary=str(folder / "en-fr.tsv"),
        target_tokenizer=str(folder / "tokenizer"),
    )


def write_llama(folder: Path, n_tokens: int, dim: int) -> None:
    """A Llama of one thin layer, bfloat16, untied, in two shards, without ever holding a matrix."""
    from transformers import LlamaConfig

    specials = {"bos": "<|begin_of_text|>", "eos": "<|end_of_text|>"}
    write_inputs(folder, n_tokens, specials)
    model = folder / "model"
    wide_tokenizer(n_tokens, specials).save_pretrained(model)
    body = {"num_hidden_layers": 1, "num_attention_heads": 32, "num_key_value_heads": 1, "intermediate_size": 64}
    config = LlamaConfig(
        vocab_size=n_tokens, hidden_size=dim, tie_word_embeddings=False, dtype="bfloat16",
        architectures=["LlamaForCausalLM"], bos_token_id=0, eos_token_id=1, **body,
    )  # fmt: skip
    config.save_pretrained(model)
    layer, kv = "model.layers.0", dim // 32
    shapes = {
        "model.embed_tokens.weight": (n_tokens, dim),
        f"{layer}.input_layernorm.weight": (dim,),
        f"{layer}.post_attention_layernorm.weight": (dim,),
        "model.norm.weight": (dim,),
        **{f"{layer}.self_attn.{name}_proj.weight": (dim, dim) for name in "qo"},
        **{f"{layer}.self_attn.{name}_proj.weight": (kv, dim) for name in "kv"},
        **{f"{layer}.mlp.{name}_proj.weight": (64, dim) for name in ("gate", "up")},
        f"{layer}.mlp.down_proj.weight": (dim, 64),
    }
    shards = {"model-00001-of-00002.safetensors": shapes, "model-00002-of-00002.safetensors": {}}
    shards["model-00002-of-00002.safetensors"] = {"lm_head.weight": (n_tokens, dim)}
    for seed, (name, held) in enumerate(shards.items()):
        _write_bfloat16(model / name, held, seed)
    places = {tensor: name for name, held in shards.items() for tensor in held}
    (model / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


def _write_bfloat16(path: Path, shapes: dict[str, tuple[int, ...]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    header, start = {}, 0
    for name, shape in shapes.items():
        stop = start + 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for left in range(start // 2, 0, -(1 << 22)):
            # Random mantissas and signs under exponents of 0.015 to 0.03: finite, and no two rows alike.
            bits = rng.integers(0, 1 << 16, min(left, 1 << 22), dtype=np.uint16)
            file.write(((bits & 0x80FF) | 0x3C80).tobytes())


class AnonymousPeak(threading.Thread):
    """The highest RssAnon of this process in bytes, looked at every few milliseconds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.at = ""
        self.step = ""
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.wait(0.005):
            now = self._now()
            if now > self.peak:
                self.peak, self.at = now, self.step

    def stop(self) -> None:
        self._stop_asked.set()
        self.join()

    @staticmethod
    def _now() -> int:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.split("RssAnon:")[1].split()[0])


def main(folder: Path) -> None:
    from wechsel_core.services.initialise import initialise

    watch = AnonymousPeak()
    watch.start()

    def progress(share: float, step: str) -> None:
        watch.step = step

    manifest = initialise(config_of(folder), folder / "result", progress=progress)
    watch.stop()
    seconds = time.process_time()
    found = {"peak": watch.peak, "at": watch.at, "cpu_seconds": seconds, "timings": manifest["timings"]}
    sys.stdout.write(json.dumps(found | {"counts": manifest["counts"]}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
