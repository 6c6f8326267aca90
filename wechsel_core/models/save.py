"""Write a transferred model as an ordinary Hugging Face folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from wechsel_core.errors import ModelError, OutputError, TokenizerError
from wechsel_core.models.quiet import quiet
from wechsel_core.tokenizers.load import load_tokenizer

#: Letters with and without marks, digits, signs, Chinese, an emoji, double spaces: what tokenizer classes differ in.
_PROBE = "The cat's 1,234 naïve  cafés — 猫在这里 🙂\n"


def save_result_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write config, weights (safetensors) and tokenizer into a folder that may hold other files of the result.

    Everything is first written beside it under a temporary name, so that an interrupted run leaves no half model.

    Raises
    ------
    ModelError
        If the tokenizer has ids that the model has no row for.
    TokenizerError
        If the tokenizer, read again from beside the model's config, is another one.
    OutputError
        If the folder holds a model already or cannot be written.
    """
    rows, highest = model.get_input_embeddings().weight.shape[0], max(tokenizer.get_vocab().values())
    if highest >= rows:
        raise ModelError(
            f"the tokenizer has ids up to {highest} and the model {rows} rows",
            "a row for every token id",
            "install embeddings of the tokenizer's length first",
        )
    folder = Path(folder)
    if (folder / "config.json").exists() or list(folder.glob("*.safetensors")):
        raise OutputError(f"{folder} holds a model already", "a new or empty folder", "choose another folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        with quiet():
            model.save_pretrained(partial)
            tokenizer.save_pretrained(partial)
        check_tokenizer(tokenizer, partial)
        folder.mkdir(exist_ok=True)
        # The config comes last: a folder with one is complete.
        for path in sorted(partial.iterdir(), key=lambda path: path.name == "config.json"):
            path.chmod(0o644)  # safetensors writes for the owner alone
            os.replace(path, folder / path.name)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Refuse a tokenizer that is another one when it is read again from beside the model's config."""
    # Transformers picks the tokenizer's class by the model's config as well, and some classes rebuild what they read.
    again = load_tokenizer(folder)
    if again.get_vocab() != tokenizer.get_vocab() or again(_PROBE)["input_ids"] != tokenizer(_PROBE)["input_ids"]:
        raise TokenizerError(
            f"{type(tokenizer).__name__} reads differently beside this model ({type(again).__name__})",
            "a tokenizer that AutoTokenizer restores",
            "give it as a bare tokenizer.json",
        )


def _unwritable(folder: Path, error: OSError) -> OutputError:
    return OutputError(f"{folder} cannot be written ({error.strerror or error})", "a writable folder", "choose another")
