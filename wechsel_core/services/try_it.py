"""Try a model: let a causal one continue a text, a masked one fill a gap, and see how likely each token was."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wechsel_core import paths, runs
from wechsel_core.config import InitConfig, _Config, option
from wechsel_core.errors import ConfigError, InputError, TextError
from wechsel_core.paths import Stamp
from wechsel_core.results import read_manifest
from wechsel_core.services.export import model_of_run
from wechsel_core.services.initialise import default_out, initialise
from wechsel_core.services.results import result_folder
from wechsel_core.types import Progress

if TYPE_CHECKING:
    import pandas as pd

MOST_TOKENS = 60
#: What a person writes for the gap, whatever the tokenizer calls it.
MASK = "<mask>"
#: Continuations that a model remembers, so that a page drawn again does not work them out again.
_KEPT = 64
#: Drawing sets the process's one random state, which other sessions draw from as well.
_DRAWING = threading.Lock()


@dataclass(frozen=True)
class ContinueConfig(_Config):
    """How a causal model continues a text."""

    new_tokens: int = option(30, f"Tokens to write, at most {MOST_TOKENS}; fewer if the model ends the text itself.")
    sampled: bool = option(False, "Draw each token by its probability, instead of always taking the likeliest one.")
    temperature: float = option(1.0, "Below 1 likely tokens are drawn even more often, above 1 rare ones.")
    top_k: int = option(50, "Tokens to draw from, the likeliest first; 0 draws from all.")
    seed: int = option(0, "Of the draws: the same seed writes the same text.")

    def __post_init__(self) -> None:
        self._check()
        for name, low, high in (
            ("new_tokens", 1, MOST_TOKENS), ("temperature", 0.05, 5.0), ("top_k", 0, 100_000), ("seed", 0, 2**32 - 1),
        ):  # fmt: skip
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"{name} is {value}", f"a number from {low} to {high}", "correct it")


@dataclass(frozen=True, eq=False)
class Continuation:
    """What a causal model wrote.

    Attributes
    ----------
    tokens : DataFrame
        place (from 1), id, token (the vocabulary string), text (its own), written (what it added to the text; the
        pieces of one character add it with the last of them), probability (the model's own, before temperature and
        top-k).
    ended : bool
        Whether the last token is the model's end of text.
    """

    tokens: pd.DataFrame
    ended: bool


class TryModel:
    """A model with its tokenizer; safe to share between threads."""

    def __init__(self, loaded: Any) -> None:
        from wechsel_core.tokenizers.table import token_table
        from wechsel_core.training.worker import longest_block

        self.kind, self._model, self._tokenizer = loaded.kind, loaded.model, loaded.tokenizer
        self._table, self._longest = token_table(loaded.tokenizer), longest_block(loaded)
        # A text is read whole here, whatever length a tokenizer.json may ask for.
        loaded.tokenizer.backend_tokenizer.no_truncation()
        loaded.tokenizer.backend_tokenizer.no_padding()
        self._kept: dict[tuple[str, ContinueConfig], Continuation] = {}
        self._ends = self._forget_habits() if self.kind == "causal" else None

    def _forget_habits(self) -> Any:
        """Drop the generation config of a model (a penalty for repetitions, say), which would hide what it holds likely.

        Returns the ids that end a text.
        """
        from transformers import GenerationConfig

        ends = self._model.generation_config.eos_token_id
        self._model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            bos_token_id=self._tokenizer.bos_token_id, eos_token_id=ends, pad_token_id=self._pad()
        )
        return ends

    def continue_text(self, text: str, config: ContinueConfig, progress: Progress | None = None) -> Continuation:
        """Continue a text.

        Parameters
        ----------
        text : str
        config : ContinueConfig
        progress : callable, optional
            Told after every token; may raise to stop.

        Raises
        ------
        TextError
            If there is no text, or too much for the model.
        """
        ids = self._beginning(text, config.new_tokens)
        made = self._kept.get((text, config))
        if made is None:
            with _DRAWING:
                made = self._kept[text, config] = self._continue(ids, config, progress)
                while len(self._kept) > _KEPT:
                    self._kept.pop(next(iter(self._kept)))
        return made

    def fill(self, text: str, top: int = 10) -> pd.DataFrame:
        """The likeliest tokens for the one ``<mask>`` of a text: rank, id, token, text, probability.

        Raises
        ------
        TextError
            If there is not exactly one gap, or too much text.
        """
        import pandas as pd
        import torch

        gaps = text.count(MASK)
        if gaps != 1:
            raise TextError(f"the text has {gaps or 'no'} {MASK}", f"one {MASK}", "write it where a word is missing")
        # The white space before a word belongs to its token, so it is a part of what is missing.
        given = re.sub(rf"\s*{MASK}", lambda _: str(self._tokenizer.mask_token), text)
        ids = self._tokenizer(given)["input_ids"]
        self._check_length(len(ids), self._longest, "")
        place = ids.index(self._tokenizer.mask_token_id)
        with torch.inference_mode():
            logits = self._model(input_ids=torch.tensor([ids])).logits[0, place, : len(self._table)]
        found = torch.topk(torch.softmax(logits.double(), dim=-1), min(top, len(self._table)))
        chosen = found.indices.tolist()
        return pd.DataFrame(
            {
                "rank": range(1, len(chosen) + 1), "id": chosen, "token": [self._table.tokens[i] for i in chosen],
                "text": [self._table.texts[i] for i in chosen], "probability": found.values.tolist(),
            }
        )  # fmt: skip

    def _beginning(self, text: str, new_tokens: int) -> list[int]:
        """Token ids of a text to continue: with what the tokenizer puts before it, without what it puts behind."""
        encoded = self._tokenizer.backend_tokenizer.encode(text)
        ids, framed = list(encoded.ids), list(encoded.special_tokens_mask)
        while ids and framed[-1] and len(set(framed)) > 1:
            ids.pop()
            framed.pop()
        if not text.strip() or not ids:
            raise TextError("no text", "the beginning of one", "write a few words")
        self._check_length(
            len(ids), max(0, self._longest - new_tokens), f", which leaves room for {new_tokens} new ones"
        )
        return ids

    def _check_length(self, found: int, most: int, why: str) -> None:
        if found > most:
            raise TextError(f"the text has {found} tokens", f"at most {most}{why}", "shorten it")

    def _continue(self, ids: list[int], config: ContinueConfig, progress: Progress | None) -> Continuation:
        import torch
        from transformers import GenerationConfig, StoppingCriteria

        class Told(StoppingCriteria):
            """Says how far it is; an error of ``progress`` ends the writing."""

            def __call__(self, input_ids: Any, scores: Any, **options: Any) -> Any:
                done = input_ids.shape[1] - len(ids)
                if progress:
                    progress(done / config.new_tokens, f"Token {done} of {config.new_tokens}")
                return torch.zeros(len(input_ids), dtype=torch.bool)

        drawn: dict[str, Any] = {"temperature": config.temperature, "top_k": config.top_k, "top_p": 1.0}
        settings = GenerationConfig(  # type: ignore[no-untyped-call]
            max_new_tokens=config.new_tokens, do_sample=config.sampled, **(drawn if config.sampled else {}),
            return_dict_in_generate=True, output_logits=True,
        )  # fmt: skip
        prompt = torch.tensor([ids])
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(config.seed)
            made = self._model.generate(
                prompt, attention_mask=torch.ones_like(prompt), generation_config=settings, stopping_criteria=[Told()]
            )
        new = made.sequences[0, len(ids) :].tolist()
        chances = [
            float(torch.softmax(logits[0].double(), dim=-1)[token])
            for logits, token in zip(made.logits, new, strict=True)
        ]
        ended = bool(new) and new[-1] in (self._ends if isinstance(self._ends, list) else [self._ends])
        return Continuation(self._told(ids, new, chances), ended)

    def _pad(self) -> int:
        """One text is never padded, but a model without a pad token would warn of it."""
        found = (self._tokenizer.pad_token_id, self._tokenizer.eos_token_id)
        return next((int(token) for token in found if token is not None), 0)

    def _told(self, ids: list[int], new: list[int], chances: list[float]) -> pd.DataFrame:
        import pandas as pd

        def known(token: int, column: tuple[str, ...]) -> str:
            return column[token] if token < len(column) else ""  # a row that pads the matrix is no token

        return pd.DataFrame(
            {
                "place": range(1, len(new) + 1), "id": new,
                "token": [known(token, self._table.tokens) for token in new],
                "text": [known(token, self._table.texts) for token in new],
                "written": self._written(ids, new), "probability": chances,
            }
        )  # fmt: skip

    def _written(self, ids: list[int], new: list[int]) -> list[str]:
        """What each token adds to the text: decoding them one by one would tear characters of several tokens."""
        text, place, parts = self._decoded(ids + new), len(self._decoded(ids)), []
        for end in range(1, len(new) + 1):
            # By length: bytes that turn out to be no character change what was decoded before them.
            now = self._decoded(ids + new[:end])
            torn = now.endswith("\ufffd") and end < len(new)
            parts.append("" if torn else text[place : len(now)])
            place = place if torn else max(place, len(now))
        return parts

    def _decoded(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def open_model(folder: Path) -> TryModel:
    """Load a model to try; ``ModelError`` or ``TokenizerError`` if it cannot be loaded."""
    from wechsel_core.models import load_model

    return TryModel(load_model(folder))


def result_model(result_id: str) -> Path | None:
    """The folder of a result's model before any training.

    Of a result that came without one, as the examples do, it is the one that ``make_model`` made, or None.
    """
    folder = result_folder(result_id)
    places = (folder, default_out(InitConfig.from_dict(read_manifest(folder)["config"])))
    return next((place for place in places if (place / "config.json").is_file()), None)


def make_model(result_id: str, progress: Progress | None = None) -> None:
    """Make the model of a result that came without one, from the result's own settings."""
    config = InitConfig.from_dict(read_manifest(result_folder(result_id))["config"])
    initialise(config, default_out(config), progress=progress)


def trained_models(result_id: str) -> tuple[list[dict[str, Any]], int]:
    """Runs of a result that keep their model, newest first, and the number of those that do not.

    Returns
    -------
    list of dict
        id, folder (of the model), arm, seed, step, created.
    int
        Runs without a model: recorded ones, and those that have not finished.
    """
    wanted = read_manifest(result_folder(result_id))["config_hash"]
    kept, without = [], 0
    for entry in runs.list_runs():
        run = entry["run"]
        if run["result"].get("config_hash") != wanted:
            continue
        try:
            folder = model_of_run(entry["folder"])
        except InputError:
            without += 1
            continue
        kept.append(
            {
                "id": entry["id"], "folder": folder, "arm": run["config"].get("arm"), "seed": run["config"].get("seed"),
                "step": entry["status"].get("step"), "created": str(run["created"]),
            }
        )  # fmt: skip
    return kept, without


def stamp(folder: Path) -> tuple[Stamp, ...]:
    """What changes when the files of a model do."""
    return tuple(paths.stamp(path) for path in sorted(folder.iterdir()) if path.is_file())
