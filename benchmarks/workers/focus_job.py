"""FOCUS's README recipe, with word vectors of the target language, to a saved model; run in its own environment."""

from __future__ import annotations

import time

from probe import libraries, measured, read_spec, write_record

started = time.perf_counter()

from deepfocus import FOCUS  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402


def main() -> None:
    """Load, call FOCUS in its word-level mode, which takes a .bin file as WECHSEL does, install and save."""
    spec = read_spec()
    laps = {"imports": round(time.perf_counter() - started, 3)}
    source_tokenizer = AutoTokenizer.from_pretrained(spec["source"])
    model = AutoModelForCausalLM.from_pretrained(spec["source"])
    target_tokenizer = AutoTokenizer.from_pretrained(spec["target_tokenizer"])
    laps["load model"] = round(time.perf_counter() - started - laps["imports"], 3)
    embeddings, call = measured(
        lambda: FOCUS(
            target_tokenizer=target_tokenizer,
            source_tokenizer=source_tokenizer,
            source_embeddings=model.get_input_embeddings().weight,
            auxiliary_embedding_mode="fasttext-wordlevel",
            language_identifier=spec["target_vectors"],
            verbosity="silent",
        )
    )
    laps["FOCUS"] = round(call["seconds"], 3)
    begin = time.perf_counter()
    model.resize_token_embeddings(len(target_tokenizer))
    model.get_input_embeddings().weight.data = embeddings
    model.save_pretrained(spec["out"])
    target_tokenizer.save_pretrained(spec["out"])
    laps["save"] = round(time.perf_counter() - begin, 3)
    write_record({"timings": laps, "call": call, "libraries": libraries()})


if __name__ == "__main__":
    main()
