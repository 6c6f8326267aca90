"""The reference's README recipe from two .bin files to a saved model; run in the reference's environment."""

from __future__ import annotations

import time

from probe import libraries, read_spec, write_record

started = time.perf_counter()

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402
from wechsel import WECHSEL, load_embeddings  # noqa: E402


def main() -> None:
    """Load, align, apply, install, save; the seconds of each step since the one before."""
    spec = read_spec()
    laps: dict[str, float] = {}
    last = started

    def lap(name: str) -> None:
        nonlocal last
        laps[name], last = round(time.perf_counter() - last, 3), time.perf_counter()

    lap("imports")
    source_tokenizer = AutoTokenizer.from_pretrained(spec["source"])
    model = AutoModelForCausalLM.from_pretrained(spec["source"])
    target_tokenizer = AutoTokenizer.from_pretrained(spec["target_tokenizer"])
    lap("load model")
    source_vectors, target_vectors = load_embeddings(spec["source_vectors"]), load_embeddings(spec["target_vectors"])
    lap("load vectors")
    wechsel = WECHSEL(source_vectors, target_vectors, bilingual_dictionary=spec["dictionary"])
    lap("align")
    target_embeddings, _ = wechsel.apply(
        source_tokenizer, target_tokenizer, model.get_input_embeddings().weight.detach().numpy()
    )
    lap("apply")
    model.get_input_embeddings().weight.data = torch.from_numpy(target_embeddings)
    model.save_pretrained(spec["out"])
    target_tokenizer.save_pretrained(spec["out"])
    lap("save")
    write_record({"timings": laps, "libraries": libraries()})


if __name__ == "__main__":
    main()
