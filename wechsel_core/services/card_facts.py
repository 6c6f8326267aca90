"""What the card of an exported model tells: gathered from its records and the catalogue, fit to be read by others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wechsel_core import catalogue
from wechsel_core.errors import InputError
from wechsel_core.reports.model_card import NOTHING_ENGLISH, PLACES, CardFacts, CardInput
from wechsel_core.services.inputs import SOURCE_LANGUAGE, default_name

if TYPE_CHECKING:
    from wechsel_core.models import ModelKind

#: Inputs as ``wechsel.json`` records them: role on the card, kind in the catalogue. Each is a field of the config too.
_ROLES: dict[str, tuple[str, catalogue.Kind]] = {
    "source_model": ("English model", "model"),
    "source_vectors": ("English static vectors", "vectors"),
    "target_vectors": ("static vectors of the language", "vectors"),
    "dictionary": ("bilingual dictionary", "dictionary"),
    "target_tokenizer": ("tokenizer", "tokenizer"),
    "helper": ("helper model", "model"),
    "auxiliary_text": ("text for token vectors", "corpus"),
}
#: Arms of a run that have less in them than the result they belong to.
_PARTS = {NOTHING_ENGLISH: {"target_tokenizer"}, "transinner": {"source_model", "target_tokenizer"}}


def card_facts(
    manifest: dict[str, Any],
    *,
    kind: ModelKind,
    parameters: int,
    repo_id: str | None = None,
    run: dict[str, Any] | None = None,
    scores: Sequence[Mapping[str, Any]] = (),
) -> CardFacts:
    """What the card of a model tells, from the records alone.

    Parameters
    ----------
    manifest : dict
        ``wechsel.json`` of the result.
    kind, parameters, repo_id, scores
        As ``CardFacts`` holds them.
    run : dict, optional
        ``run.json`` of the run that trained the model.
    """
    config = manifest["config"]
    language = config["target_language"]
    known = {entry.code: entry.name for entry in catalogue.load_catalogue().languages}
    entry = _entry("model", config["source"])
    hub_id = entry.where if entry and entry.tier == "hub" else None
    if entry is None and _name(config["source"]) == config["source"]:
        hub_id = config["source"]
    return CardFacts(
        manifest=portable(manifest), kind=kind, parameters=parameters, language=known.get(language, language),
        inputs=_inputs(manifest, run), base_model=hub_id, repo_id=repo_id, run=_portable_run(run), scores=scores,
    )  # fmt: skip


def _portable_run(run: dict[str, Any] | None) -> dict[str, Any] | None:
    if run is None:
        return None
    config = run["config"]
    named = {name: _name(config[name]) for name in ("result", "text", "held_out") if config.get(name)}
    return {**run, "config": {**config, **named}}


def _inputs(manifest: dict[str, Any], run: dict[str, Any] | None) -> list[CardInput]:
    """What the weights were made from, with the licences that the catalogue knows."""
    config, recorded = manifest["config"], manifest.get("inputs", {})
    parts = set(_ROLES) if run is None else _PARTS.get(run["config"]["arm"], set(_ROLES))
    found = []
    for key, (role, kind) in _ROLES.items():
        record = recorded.get(key)
        if key in parts and record:
            name, entry = _named(key, kind, config, recorded)
            found.append(CardInput(role, name, entry.licence if entry else None, record.get("sha256")))
    if run is not None:
        text = run["config"]["text"]
        entry = _entry("corpus", text)
        sha256 = run.get("prepared", {}).get("train_sha256")
        found.append(CardInput("text of the training", _name(text), entry.licence if entry else None, sha256))
    return found


def _named(
    key: str, kind: catalogue.Kind, config: dict[str, Any], recorded: dict[str, Any]
) -> tuple[str, catalogue.Asset | None]:
    """An input by the name it was given or that the catalogue chose for it, and its entry there."""
    if key == "target_tokenizer" and config.get("tokenizer_corpus"):
        corpus = config["tokenizer_corpus"]
        return f"trained on {_name(corpus)}", _entry("corpus", corpus)
    given = config.get("source" if key == "source_model" else key)
    if given is None:
        language = SOURCE_LANGUAGE if key == "source_vectors" else config["target_language"]
        masked = recorded.get("source_model", {}).get("kind") == "masked"
        family = {"target_tokenizer": "roberta" if masked else "gpt2"}.get(key)
        try:
            given = default_name(kind, language, key.replace("_", " "), family)
        except InputError:  # the catalogue of today has none any more
            return "the catalogue's of its day", None
    return _name(given), _entry(kind, given)


def _entry(kind: catalogue.Kind, name: str) -> catalogue.Asset | None:
    """The catalogue's entry of a name, or of an id of the hub that it lists."""
    listing = catalogue.load_catalogue()
    return listing.named(name, kind) or next((one for one in listing.find(kind) if one.where == name), None)


def portable(manifest: dict[str, Any]) -> dict[str, Any]:
    """``wechsel.json`` for others to read: of a file of the person's own it keeps the name, not the folders above it."""
    config, inputs = dict(manifest["config"]), dict(manifest.get("inputs", {}))
    for name in PLACES:
        if config.get(name):
            config[name] = _name(config[name])
    for name, record in inputs.items():
        if isinstance(record, dict) and isinstance(record.get("name"), str):
            inputs[name] = {**record, "name": _name(record["name"])}
    return {**manifest, "config": config, "inputs": inputs}


def _name(given: str) -> str:
    """A name of the catalogue or the hub as it is; of a path the last part."""
    path = Path(given).expanduser()
    own = path.is_absolute() or given.startswith((".", "~")) or path.exists()
    return path.name if own and not catalogue.load_catalogue().named(given) else given
