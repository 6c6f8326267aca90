"""The card of an exported model, README.md: what it is, what it was made from, how good it is, how to load and cite it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wechsel_core.reports.html import UNSEEN
from wechsel_core.reports.record import Cell, Unit, number, shown
from wechsel_core.transfer import registry

UNKNOWN = "unknown: ask its author"
#: Fields of an initialisation's configuration that may name a file of the person's own.
PLACES = (
    "source", "source_vectors", "target_vectors", "dictionary", "target_tokenizer", "tokenizer_corpus", "helper",
    "auxiliary_text",
)  # fmt: skip
#: The catalogue's word for what this project made, and what it is called elsewhere.
OWN, OWN_NAME, OWN_WORDS = "this project's", "wechsel-lab", "WECHSEL Lab's own"
#: The catalogue's licences, the freest first: the hub's word for each, None where the hub has none.
LICENCES: dict[str, str | None] = {
    "MIT": "mit",
    "BSD-3-Clause": "bsd-3-clause",
    "Apache-2.0": "apache-2.0",
    "Apache-2.0 (vectors: PDDL 1.0)": "apache-2.0",
    "LGPL-LR (vectors: CC0)": "lgpl-lr",
    "CC BY-SA 3.0": "cc-by-sa-3.0",
    # No text of a licence comes with these, so they are named when anything freer is mixed in.
    OWN: None,
}
#: Arms whose rows are those of the result's method, and the one that has nothing of the English model.
OWN_ROWS, NOTHING_ENGLISH = ("wechsel", "wechsel-frozen"), "random"
#: What Markdown or HTML could take for more than text: most signs, an underscore at the edge of a word, a web address.
_SIGNS = re.compile(r"[^\w .,%'+/\-⟨⟩]|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.", re.IGNORECASE)
_WECHSEL = """@inproceedings{minixhofer-etal-2022-wechsel,
  title = "{WECHSEL}: Effective initialization of subword embeddings for cross-lingual transfer of monolingual language
    models",
  author = "Minixhofer, Benjamin and Paischer, Fabian and Rekabsaz, Navid",
  booktitle = "Proceedings of the 2022 Conference of the North American Chapter of the Association for Computational
    Linguistics: Human Language Technologies",
  year = "2022",
  pages = "3992--4006",
  url = "https://aclanthology.org/2022.naacl-main.293",
}"""


@dataclass(frozen=True)
class CardInput:
    """Something that the weights were made from.

    Attributes
    ----------
    role, name : str
    licence : str, optional
        In the catalogue's words; None where it has none.
    sha256 : str, optional
    """

    role: str
    name: str
    licence: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class CardFacts:
    """Everything that a card tells; nothing else is said in it.

    Attributes
    ----------
    manifest : mapping
        ``wechsel.json`` of the result.
    kind : {"causal", "masked"}
    parameters : int
        Numbers in the weight files.
    language : str
        The target language's name.
    inputs : sequence of CardInput
    base_model : str, optional
        The hub's id of the English model; None where it is not on the hub.
    repo_id : str, optional
        Where the model will lie on the hub.
    run : mapping, optional
        ``run.json`` of the training run that the weights come from.
    scores : sequence of mapping
        Held-out scores of the run in order: step, tokens, loss, perplexity, bits_per_byte.
    """

    manifest: Mapping[str, Any]
    kind: Literal["causal", "masked"]
    parameters: int
    language: str
    inputs: Sequence[CardInput]
    base_model: str | None = None
    repo_id: str | None = None
    run: Mapping[str, Any] | None = None
    scores: Sequence[Mapping[str, Any]] = ()

    @property
    def arm(self) -> str | None:
        """What the run started from; None without a run."""
        return None if self.run is None else str(self.run["config"]["arm"])

    @property
    def rows_kept(self) -> bool:
        """Whether the embeddings are, or started as, the rows that the result's method made."""
        return self.arm in (None, *OWN_ROWS)


def model_card(facts: CardFacts) -> str:
    """The whole README.md, its YAML front matter included; whatever came from outside is escaped."""
    sections = {
        "What it is": _what(facts),
        "Method": _method(facts),
        "Made from": _inputs(facts),
        "Where the rows come from": _counts(facts),
        "Alignment quality": _alignment(facts),
        "Scores": _scores(facts),
        "Training": _training(facts),
        "How to load it": _loading(facts),
        "How to cite": cite(facts.manifest["config"]["method"]),
        "Limits": _limits(facts),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items() if text)
    return f"---\n{_front_matter(facts)}\n---\n\n# {_title(facts)}\n\n{body}\n"


def cite(method: str) -> str:
    """How to cite a model that a method of the lab initialised, in Markdown."""
    words = f"```bibtex\n{_WECHSEL}\n```"
    if method == "wechsel":
        return words
    return f"{words}\n\nThe method's own paper: {escaped(registry.method(method).reference)}"


def escaped(words: str) -> str:
    """Text from outside that Markdown and HTML leave alone: signs as numbers, what cannot be seen by its name."""
    seen = "".join(f"⟨U+{ord(c):04X}⟩" if unicodedata.category(c) in UNSEEN else c for c in words)
    return _SIGNS.sub(lambda match: f"&#{ord(match[0])};", seen)


def licence(inputs: Iterable[CardInput]) -> tuple[str, str]:
    """The hub's word for the licence of what was made from these, and the name that goes with "other", else "".

    One licence is kept. Where they differ the most restrictive one is named, as "other". One that nobody knows makes
    the whole "unknown".
    """
    found = {entry.licence for entry in inputs}
    if not found or not found <= set(LICENCES):
        return "unknown", ""
    most = max(found, key=list(LICENCES).index)  # type: ignore[arg-type]
    word = LICENCES[most]  # type: ignore[index]
    same = len({LICENCES[one] for one in found}) == 1  # type: ignore[index]
    return (word, "") if same and word else ("other", word or OWN_NAME)


def _front_matter(facts: CardFacts) -> str:
    from huggingface_hub import ModelCardData

    word, name = licence(facts.inputs)
    tags = ["wechsel", "cross-lingual"] if facts.rows_kept else ["cross-lingual"]
    data = ModelCardData(
        language=facts.manifest["config"]["target_language"].split("-")[0],
        license=word,
        # The hub wants a file to look into beside a name of its own: the card lists the licence of every part.
        license_name=name or None,
        license_link="README.md" if name else None,
        base_model=None if facts.arm == NOTHING_ENGLISH else facts.base_model,
        library_name="transformers",
        pipeline_tag="text-generation" if facts.kind == "causal" else "fill-mask",
        tags=tags,
    )
    return data.to_yaml()


def _title(facts: CardFacts) -> str:
    return f"{escaped(_source(facts))} in {escaped(facts.language)}"


def _source(facts: CardFacts) -> str:
    return str(facts.manifest["config"]["source"])


def _what(facts: CardFacts) -> str:
    source, language = escaped(_source(facts)), escaped(facts.language)
    method = registry.method(facts.manifest["config"]["method"])
    what = {"causal": "causal language model", "masked": "masked language model"}[facts.kind]
    size = f"{facts.parameters:,} parameters, {facts.manifest['counts']['tokens']:,} tokens"
    if facts.arm is None:
        made = (
            f"The English model {source} with a tokenizer of {language}. The embeddings of its tokens were made by the "
            f"method {method.title}: {escaped(method.sentence)} Every other weight is the English model's. **It has not "
            "been trained further.**"
        )
    elif facts.arm == NOTHING_ENGLISH:
        made = (
            f"A model of {source}'s architecture with a tokenizer of {language}, trained from random weights. It has "
            "nothing of the English model's weights, and was made to compare others with."
        )
    else:
        made = (
            f"The English model {source} with a tokenizer of {language}, trained further in that language. It started "
            f"from: {escaped((facts.run or {}).get('prepared', {}).get('initialisation') or facts.arm)}."
        )
    return f"A {what} of {size}.\n\n{made}\n\nMade with WECHSEL Lab {escaped(_version(facts))}."


def _version(facts: CardFacts) -> str:
    return str(facts.manifest.get("versions", {}).get("wechsel_core", ""))


def _method(facts: CardFacts) -> str:
    config = facts.manifest["config"]
    read = {*registry.COMMON, *registry.method(config["method"]).options} - {*PLACES}
    rows = [[name, config[name]] for name in config if name in read and config[name] is not None]
    said = []
    if not facts.rows_kept:
        said = [
            f"The run's arm was {escaped(str(facts.arm))}: it has the tokenizer of this initialisation, not its rows."
        ]
    if beyond := facts.manifest.get("options_beyond_paper"):
        said += ["Beyond the method's paper: " + escaped(", ".join(beyond)) + "."]
    return "\n\n".join([*said, _table(["parameter", "value"], rows)])


def _inputs(facts: CardFacts) -> str:
    rows = [
        [entry.role, entry.name, {None: UNKNOWN, OWN: OWN_WORDS}.get(entry.licence, entry.licence), entry.sha256 or "–"]
        for entry in facts.inputs
    ]
    word, name = licence(facts.inputs)
    verdict = {
        "unknown": "The licence of the whole is unknown, because that of a part is.",
        "other": f"No licence that the hub has a word for covers all parts. The most restrictive one: {name}.",
    }.get(word, f"All parts have the same licence, {word}.")
    return f"{_table(['what', 'name', 'licence', 'SHA-256'], rows)}\n\n{verdict}"


def _counts(facts: CardFacts) -> str:
    if not facts.rows_kept:
        return ""
    counts = facts.manifest["counts"]
    return _table(
        ["rows of the embedding matrix", "tokens"],
        [[name.replace("_", " "), f"{value:,}"] for name, value in counts.items()],
    )


def _alignment(facts: CardFacts) -> str:
    record = facts.manifest.get("alignment") or {}
    if not facts.rows_kept or number(record, "pairs_usable") is None:
        return ""
    rows: list[list[Cell]] = []
    for by in ("cosine", "csls"):
        for words in ("all", "frequent"):
            path = ("held_out", by, words)
            shares = [_shown(record, "share", *path, f"p_at_{n}") for n in (1, 5, 10)]
            if number(record, *path, "n"):
                rows.append([by, words, *shares, _shown(record, "words", *path, "n")])
    pairs = (
        f"{_shown(record, 'pairs', 'pairs_usable')} of {_shown(record, 'pairs', 'pairs_offered')} dictionary pairs "
        f"were usable. Relative residual of the rotation: {_shown(record, 'number', 'relative_residual')}."
    )
    if not rows:
        return pairs + " No pairs were held out."
    table = _table(["search by", "words", "P@1", "P@5", "P@10", "words tried"], rows)
    return f"{pairs} Held-out pairs whose translation is among the nearest 1, 5 or 10 words:\n\n{table}"


def _shown(record: Any, unit: Unit, *path: str) -> str:
    return shown(number(record, *path), unit)


def _scores(facts: CardFacts) -> str:
    if not facts.scores:
        return "None was recorded."
    rows = [
        [f"{score['step']:,}", f"{score['tokens']:,}"]
        + [f"{score[name]:.6g}" for name in ("loss", "perplexity", "bits_per_byte")]
        for score in facts.scores
    ]
    what = "all tokens" if facts.kind == "causal" else "the tokens that were hidden"
    table = _table(["step", "tokens seen", "loss (nats)", "perplexity", "bits per byte"], rows)
    return f"On held-out text, over {what}; step 0 is before training, the last row is this model.\n\n{table}"


def _training(facts: CardFacts) -> str:
    if facts.run is None:
        return ""
    config, prepared = facts.run["config"], facts.run.get("prepared", {})
    names = (
        "arm", "seed", "steps", "batch_size", "block_size", "tokens_per_step", "learning_rate", "warmup_steps",
        "frozen_steps", "weight_decay", "optimizer", "precision", "device", "train_bytes", "held_out_bytes",
        "train_sha256", "held_out_sha256",
    )  # fmt: skip
    rows = [["text", config["text"]], ["held-out text", config.get("held_out") or "taken out of the text first"]]
    rows += [[name, value] for name in names if (value := prepared.get(name, config.get(name))) is not None]
    return _table(["setting", "value"], rows)


def _loading(facts: CardFacts) -> str:
    loader = "AutoModelForCausalLM" if facts.kind == "causal" else "AutoModelForMaskedLM"
    task = "text-generation" if facts.kind == "causal" else "fill-mask"
    place = facts.repo_id or "path/to/this/folder"
    return (
        f"```python\nfrom transformers import AutoTokenizer, {loader}, pipeline\n\n"
        f'model = {loader}.from_pretrained("{place}")\n'
        f'tokenizer = AutoTokenizer.from_pretrained("{place}")\n'
        f'run = pipeline("{task}", model=model, tokenizer=tokenizer)\n```\n\n'
        "`wechsel.json` holds every parameter of the initialisation, hashes of every input, counts and timings."
    )


def _limits(facts: CardFacts) -> str:
    counts = facts.manifest["counts"]
    found = []
    if _source(facts).startswith("pocket-"):
        found.append("The pocket models are toys: a few million parameters, to learn the method with, not to be used.")
    if facts.arm is None:
        found.append("It was initialised, not trained: what it writes makes little sense before further training.")
    if facts.rows_kept and counts.get("fallback"):
        mixes = registry.method(facts.manifest["config"]["method"]).dials
        why = (
            "had no static vector, so their rows were drawn at random" if mixes else "have rows without an English part"
        )
        found.append(f"{counts['fallback']:,} tokens {why}.")
    if facts.arm != NOTHING_ENGLISH:
        found.append("What the English model learnt of the world, its prejudices included, came along.")
    found += [escaped(warning) for warning in facts.manifest.get("warnings", [])]
    return "\n".join(f"- {sentence}" for sentence in found)


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    return "\n".join(lines + [f"| {' | '.join(escaped(str(cell)) for cell in row)} |" for row in rows])
