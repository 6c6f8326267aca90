"""Where text comes from: files, folders, message catalogues and streamed datasets, one document after the other."""

from __future__ import annotations

import gettext
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wechsel_core import assets, catalogue
from wechsel_core.errors import InputError, TextError
from wechsel_core.types import Progress

#: A document is a list of its lines, none of them empty.
Document = list[str]

#: ``hub:wikimedia/wikipedia/20231101.sw`` names a dataset of the hub and its configuration.
HUB = "hub:"
_SUFFIXES = (".txt", ".md", ".jsonl", ".json", ".parquet", ".mo")
_EXPECTED = f"a file or folder of {', '.join(_SUFFIXES)}, a corpus of the catalogue or {HUB}NAME/CONFIG"


def check_source(text: str) -> None:
    """Refuse a text that cannot be had, without reading it.

    Raises
    ------
    TextError
        One sentence: no such file or corpus, a kind of file that is not read, a malformed hub name, no ``datasets``.
    """
    if text.startswith(HUB):
        _hub_name(text)
        _datasets()
        return
    if catalogue.load_catalogue().named(text, "corpus"):
        return
    path = Path(text).expanduser()
    if not path.exists():
        raise TextError(f"{text} does not exist", _EXPECTED, "check the path or run assets list")
    if not text_files(path):
        raise TextError(f"{text} holds no text", _EXPECTED, "give another one")


def source_bytes(text: str) -> int | None:
    """The size of a text in bytes, None where it cannot be told before it is read."""
    if text.startswith(HUB):
        return None
    entry = catalogue.load_catalogue().named(text, "corpus")
    if entry and not assets.is_present(entry):
        return None
    return sum(path.stat().st_size for path in text_files(Path(assets.resolve("corpus", text)).expanduser()))


def text_files(path: Path) -> list[Path]:
    """The files of a folder that are read, in order of name; a file is its own list."""
    found = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [file for file in found if file.is_file() and file.suffix.lower() in _SUFFIXES]


def documents(text: str, *, limit: int, progress: Progress | None = None) -> Iterator[Document]:
    """The documents of a text, up to a size.

    A plain text file is cut at its empty lines; one that has none gives every line as a document of its own. JSON lines
    and parquet give their field ``text``, message catalogues (.json, .mo) every message.

    Parameters
    ----------
    text : str
        As in ``TrainConfig.text``.
    limit : int
        Bytes of UTF-8 after which no further document is given.
    progress : callable, optional
        Told of a download.

    Raises
    ------
    TextError
        If something cannot be read as text.
    """
    size = 0
    if text.startswith(HUB):
        found = _streamed(*_hub_name(text))
    else:
        check_source(text)
        place = Path(assets.resolve("corpus", text, progress)).expanduser()
        found = (document for file in text_files(place) for document in _file_documents(file))
    for document in found:
        size += sum(len(line.encode()) + 1 for line in document)
        if size > limit:
            return
        yield document


def _file_documents(path: Path) -> Iterator[Document]:
    readers = {".jsonl": _json_lines, ".json": _messages, ".mo": _gettext, ".parquet": _parquet}
    try:
        yield from readers.get(path.suffix.lower(), _plain)(path)
    except (OSError, ValueError, KeyError, TypeError) as error:  # UnicodeDecodeError is a ValueError
        raise TextError(
            f"{path} cannot be read as text ({type(error).__name__})", "UTF-8 text", "check the file and its encoding"
        ) from error


def _lines(text: str) -> Document:
    return [stripped for line in text.splitlines() if (stripped := line.strip())]


def _plain(path: Path) -> Iterator[Document]:
    with path.open(encoding="utf-8") as file:
        cut = any(not line.strip() for line in file)
        file.seek(0)
        document: Document = []
        for line in file:
            if stripped := line.strip():
                document.append(stripped)
            if document and (not cut or not stripped):
                yield document
                document = []
        if document:
            yield document


def _json_lines(path: Path) -> Iterator[Document]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip() and (document := _lines(json.loads(line)["text"])):
                yield document


def _messages(path: Path) -> Iterator[Document]:
    content = json.loads(path.read_text("utf-8"))
    for message in content.values() if isinstance(content, dict) else content:
        if isinstance(message, str) and (document := _lines(message)):
            yield document


def _gettext(path: Path) -> Iterator[Document]:
    with path.open("rb") as file:
        entries: dict[Any, Any] = vars(gettext.GNUTranslations(file))["_catalog"]  # the class offers no public listing
    for key, message in entries.items():
        if key and isinstance(message, str) and (document := _lines(message)):
            yield document


def _parquet(path: Path) -> Iterator[Document]:
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(columns=["text"]):
        for value in batch.column("text").to_pylist():
            if value and (document := _lines(value)):
                yield document


def _hub_name(text: str) -> tuple[str, str]:
    parts = text.removeprefix(HUB).split("/")
    if len(parts) != 3 or not all(parts):
        raise TextError(
            f"{text!r}", f"{HUB}OWNER/DATASET/CONFIG", f"write it like {HUB}wikimedia/wikipedia/20231101.sw"
        )
    return "/".join(parts[:2]), parts[2]


def _datasets() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise TextError(
            "the package datasets is not installed", "it, to stream text from the hub", "run pip install 'datasets>=5'"
        ) from error
    return datasets


def _streamed(name: str, config: str) -> Iterator[Document]:
    datasets = _datasets()
    try:
        for row in datasets.load_dataset(name, config, split="train", streaming=True):
            if document := _lines(row["text"]):
                yield document
    except InputError:
        raise
    except Exception as error:  # datasets, its file systems and the hub's client raise nearly anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise TextError(
            f"{HUB}{name}/{config} cannot be streamed ({reason})",
            "a dataset of the hub",
            "check its name and the network",
        ) from error
