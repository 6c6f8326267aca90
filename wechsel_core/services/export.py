"""Take a model home: a plain Hugging Face folder with its card, held against the original, and on the hub if wanted."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wechsel_core import runs
from wechsel_core.errors import ConfigError, OutputError, RunError, WechselError
from wechsel_core.reports.model_card import licence, model_card
from wechsel_core.results import NEIGHBORS, read_manifest, write_manifest
from wechsel_core.services.card_facts import card_facts, portable
from wechsel_core.services.folders import check_place, new_folder
from wechsel_core.services.push import check_push, push
from wechsel_core.services.training import training_folder
from wechsel_core.types import Progress

if TYPE_CHECKING:
    from wechsel_core.models import ModelKind

#: What both models read in the check, and how far apart their logits may lie.
SENTENCE = "The cat's 1,234 naïve cafés — Le chat lit un livre. Das Wasser ist kalt. 猫在这里。Maji ni baridi."
TOLERANCE = 1e-5
_CHECKED_TOKENS = 24
_CONFIGS = ("config.json", "generation_config.json")


@dataclass(frozen=True)
class Origin:
    """What is exported: a model's folder, the ``wechsel.json`` it belongs to, and its run's folder and ``run.json``."""

    model: Path
    manifest: dict[str, Any]
    run_folder: Path | None = None
    run: dict[str, Any] | None = None


def export(
    source: str,
    out: Path,
    *,
    run: str | None = None,
    push_to: str | None = None,
    private: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a result's model, or a run's, as a folder to give away.

    Parameters
    ----------
    source : str
        A result (id or folder), or a run (id, folder, or the model in it).
    out : Path
        The new folder. It is written under a temporary name, loaded, held against the original, and renamed.
    run : str, optional
        A run of the result ``source`` whose trained model is wanted.
    push_to : str, optional
        ``user/name`` on the hub, with the token of the environment.
    private : bool
        Push where only the owner sees it.
    force : bool
        Replace an earlier export in ``out``, and go on with a hub repository that is there.
    progress : callable, optional
        May raise to cancel; nothing is left then.

    Returns
    -------
    dict
        path, run (its id or None), files, bytes, parameters, licence, check (sentence, tokens, largest_difference,
        equal) and pushed (the address on the hub, or None).

    Raises
    ------
    InputError
        No such result or run, one without its model, a place that cannot be written, a push that cannot be done.
    WechselError
        If what was written, loaded again, gives other logits than the original.
    """
    tell = progress or (lambda share, step: None)
    out = Path(out).expanduser().absolute()
    if push_to is not None:
        check_push(push_to)
    elif private:
        raise ConfigError("private without a push", "the name on the hub too", "give --push user/name")
    origin = find_origin(source, run)
    _check_out(origin, out, force=force)
    with new_folder(out, force=force) as partial:
        tell(0.05, "Copying the model")
        parameters = _copy_model(origin.model, partial)
        write_manifest(partial, portable(origin.manifest))
        tell(0.3, "Loading both models and comparing them")
        kind, check = _compare(origin.model, partial, tell)
        facts = card_facts(
            origin.manifest, kind=kind, parameters=parameters, repo_id=push_to, run=origin.run, scores=_scores(origin)
        )
        (partial / "README.md").write_text(model_card(facts), "utf-8")
        files = {path.name: path.stat().st_size for path in sorted(partial.iterdir())}
        tell(0.9, "Written")  # the last chance to cancel: beyond this the folder is there
    if push_to is not None:
        tell(0.9, f"Pushing {sum(files.values()) / 1e6:.1f} MB to {push_to}")
    address = push(out, push_to, private=private, force=force) if push_to is not None else None
    tell(1.0, "Done")
    return {
        "path": str(out), "run": origin.run_folder.name if origin.run_folder else None, "files": list(files),
        "bytes": sum(files.values()), "parameters": parameters, "licence": licence(facts.inputs)[0], "check": check,
        "pushed": address,
    }  # fmt: skip


def find_origin(source: str, run: str | None = None) -> Origin:
    """The model that is meant, and the record that it belongs to; raises as ``export``."""
    if run is not None:
        return _of_run(_run_folder(run) or runs.run_folder(run), training_folder(source))
    folder = _run_folder(source)
    if folder is not None:
        return _of_run(folder)
    folder = training_folder(source)
    return Origin(model_of_result(folder), read_manifest(folder))


def model_of_result(folder: Path) -> Path:
    """The folder of a result, once it is seen to hold a model as well.

    Raises
    ------
    OutputError
        If it does not: the examples come without.
    """
    if not (folder / "config.json").is_file():
        raise OutputError(
            f"{folder.name} comes without its model", "a result with one", "make it: run init with its settings"
        )
    return folder


def model_of_run(folder: Path) -> Path:
    """The folder of a run's trained model; ``RunError`` if it keeps none."""
    model = folder / runs.MODEL
    if not (model / "config.json").is_file():
        raise RunError(
            f"the run {folder.name} keeps no model", "a run of this machine that has finished", "start one with: train"
        )
    return model


def _run_folder(name: str) -> Path | None:
    """The run of an id, a folder, or the model in it; None if there is none."""
    path = Path(name).expanduser()
    places = (path, path.parent) if path.name == runs.MODEL else (path,)
    try:
        return next((place for place in places if (place / runs.RUN).is_file()), None) or runs.run_folder(name)
    except RunError:
        return None


def _of_run(folder: Path, result: Path | None = None) -> Origin:
    run, model = runs.read_run(folder), model_of_run(folder)
    manifest = read_manifest(result or training_folder(run["config"]["result"]))
    if manifest["config_hash"] != run["result"].get("config_hash"):
        raise RunError(
            f"the run {folder.name} started from another result than {result or run['config']['result']}",
            "the result that it started from",
            "leave --run out, or put the result back",
        )
    return Origin(model, manifest, folder, run)


def _check_out(origin: Origin, out: Path, *, force: bool) -> None:
    """Refuse a place that is, holds or lies in what is exported, or that another result would be lost from."""
    check_place(out, force=force)
    places, here = {out.resolve(), *out.resolve().parents}, (origin.run_folder or origin.model).resolve()
    if here in places or out.resolve() in here.parents or (out / NEIGHBORS).exists():
        raise OutputError(f"{out} belongs to a result or a run", "a folder of its own", "choose another folder")


def _copy_model(origin: Path, out: Path) -> int:
    """Config, weights and tokenizer, and nothing else that may lie beside them; returns the number of parameters."""
    from wechsel_core.models.save import check_tokenizer
    from wechsel_core.models.stored import INDEX, WEIGHTS, stored_tensors
    from wechsel_core.tokenizers.load import load_tokenizer

    tensors = stored_tensors(origin)
    names = {tensor.file.name for tensor in tensors.values()} | {*_CONFIGS}
    names |= set() if (origin / WEIGHTS).is_file() else {INDEX}
    for name in sorted(names):
        if (origin / name).is_file():
            shutil.copyfile(origin / name, out / name)
    tokenizer = load_tokenizer(origin)
    tokenizer.save_pretrained(out)
    check_tokenizer(tokenizer, out)
    return sum(math.prod(tensor.shape) for tensor in tensors.values())


def _compare(origin: Path, copy: Path, tell: Progress) -> tuple[ModelKind, dict[str, Any]]:
    """Load both, one after the other, and compare the logits of a fixed sentence in float32."""
    import torch

    kind, ids, logits = _logits(origin)
    tell(0.6, "Loading what was written")
    _, again, copied = _logits(copy)
    same_ids = ids == again
    difference = float((logits - copied).abs().max()) if same_ids and logits.shape == copied.shape else math.inf
    if not difference <= TOLERANCE:  # NaN is no agreement
        raise WechselError(
            f"the exported model differs from its original by {difference:g} in a logit; expected at most "
            f"{TOLERANCE:g}; nothing was written, report this"
        )
    return kind, {
        "sentence": SENTENCE, "tokens": len(ids), "largest_difference": difference, "equal": torch.equal(logits, copied),
    }  # fmt: skip


def _logits(folder: Path) -> tuple[ModelKind, list[int], Any]:
    """Kind, token ids of the sentence, and their logits, shape (n_tokens, n_rows)."""
    import torch

    from wechsel_core.models import load_model

    loaded = load_model(folder)
    ids = loaded.tokenizer(SENTENCE)["input_ids"][:_CHECKED_TOKENS]
    with torch.inference_mode():
        return loaded.kind, ids, loaded.model(input_ids=torch.tensor([ids])).logits[0].float()


def _scores(origin: Origin) -> list[dict[str, Any]]:
    """First and last held-out score of the run."""
    if origin.run_folder is None:
        return []
    frame = runs.read_metrics(origin.run_folder)
    held_out = frame[frame["kind"] == "eval"]
    columns = ["step", "tokens", "loss", "perplexity", "bits_per_byte"]
    return [*held_out.iloc[[0, -1]][columns].to_dict("records")] if len(held_out) > 1 else []
