"""GGUF files: converted once to an ordinary model folder, which loads in a second."""

from __future__ import annotations

import copy
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from wechsel_core.errors import ModelError
from wechsel_core.models.embeddings import rebuild
from wechsel_core.models.quiet import quiet
from wechsel_core.paths import cache_dir
from wechsel_core.types import Progress


def converted_folder(path: Path, cache: Path | None = None, progress: Progress | None = None) -> Path:
    """The model folder made from a GGUF file, written at the first call.

    Parameters
    ----------
    path : Path
        The file; quantised values are expanded to float32 (a 134 M model: 98 MB become 0.5 GB, 25 s, 1.2 GB of memory).
    cache : Path, optional
        ``paths.cache_dir()`` if not given. The folder's name holds the file's hash: a changed file is converted anew.
    progress : callable, optional
        Told the steps of a conversion, none where the folder is there; may raise to cancel.

    Raises
    ------
    ModelError
        If the file cannot be read or holds an architecture that transformers does not read from GGUF.
    """
    parent = (cache or cache_dir()) / "gguf"
    folder = parent / f"{path.stem}-{_sha256(path)[:16]}"
    if (folder / "config.json").is_file():
        return folder
    tell = progress or (lambda share, step: None)
    tell(0.0, f"reading {path.name}: converted once, then it loads at once")
    try:
        with quiet():
            model, tokenizer = _read(path)
    except Exception as error:  # the reader raises nearly anything on malformed files
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{path} cannot be read as GGUF ({reason})", "a causal language model", "choose another"
        ) from error
    tell(0.6, f"writing {path.stem} as safetensors")
    parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=parent))
    try:
        with quiet():
            model.save_pretrained(partial)
            tokenizer.save_pretrained(partial)
        if not (folder / "config.json").is_file():  # else another process was faster with the same content
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _read(path: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = {"gguf_file": path.name, "trust_remote_code": False}
    marked = AutoModelForCausalLM.from_pretrained(str(path.parent), dtype=torch.float32, **place)
    tokenizer = AutoTokenizer.from_pretrained(str(path.parent), **place)
    # transformers refuses to save a model that it read from GGUF as "quantised", though its weights are float32.
    config = copy.deepcopy(marked.config)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.architectures = [type(marked).__name__]
    model = rebuild(marked, config, marked.state_dict())
    model.generation_config = copy.deepcopy(marked.generation_config)
    return model, tokenizer


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
