"""Turn documentation files and message catalogues into clean lines of running text.

Every reader yields ``(document id, text line)``. The id leaves the language out, so that one document
falls on the same side of the held-out split in every language: no model sees the translation of a text
that it is judged on.
"""

from __future__ import annotations

import gettext
import gzip
import json
import re
import struct
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

Lines = Iterator[tuple[str, str]]

_BLOCKS = frozenset(
    "p div li td th dt dd h1 h2 h3 h4 h5 h6 title caption figcaption br tr section item note desc".split()
)
_SKIPPED = frozenset("script style pre code head screen nav svg math programlisting".split())
_SPACE = re.compile(r"\s+")
_PLACEHOLDER = re.compile(
    r"<[^<>]{0,200}>|\{\{[^{}]*\}\}|\$\{[^}]*\}|\{[^{}]*\}|%\(\w+\)[sd]|%[\d$]*[sd]|\$\d|&[a-z]+;|\[\[|\]\]|'''?"
)


def clean(line: str) -> str:
    """Drop markup and placeholders and fold white space."""
    return _SPACE.sub(" ", _PLACEHOLDER.sub(" ", line)).strip(" -*#|\u00a0\t•·")


class _Text(HTMLParser):
    """Collects the text of block elements; code listings and scripts are left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._current: list[str] = []
        self._skipping: list[str] = []

    def flush(self) -> None:
        line = clean("".join(self._current))
        self._current = []
        if line:
            self.lines.append(line)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _SKIPPED:
            self._skipping.append(tag)
        if tag in _BLOCKS:
            self.flush()

    def handle_endtag(self, tag: str) -> None:
        if self._skipping and tag == self._skipping[-1]:
            self._skipping.pop()
        if tag in _BLOCKS:
            self.flush()

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self._current.append(data)


_LANGUAGE_SUFFIX = re.compile(r"[._](en|fr|de|zh-cn|zh_CN|en-us)$")


def html(folder: Path, pattern: str) -> Lines:
    """Paragraphs of HTML or Mallard pages; one file is one document."""
    for path in sorted(folder.glob(pattern)):
        parser = _Text()
        parser.feed(path.read_text("utf-8", errors="ignore"))
        parser.flush()
        document = f"{path.parent.name}/{_LANGUAGE_SUFFIX.sub('', path.stem)}"
        for line in parser.lines:
            yield document, line


def gettext_catalogue(folder: Path, pattern: str, *, source: bool = False) -> Lines:
    """Messages of .mo catalogues; ``source`` takes the English message instead of its translation."""
    for path in sorted(folder.glob(pattern)):
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog  # the class offers no public listing
        yield from _messages(catalogue, source)


def gettext_wheel(wheel: Path, pattern: str, *, source: bool = False) -> Lines:
    """The same from the .mo files inside a wheel, which is read as data and never imported."""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(n for n in archive.namelist() if re.search(pattern, n)):
            with archive.open(name) as file:
                catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[arg-type]
            yield from _messages(catalogue, source)


def _messages(catalogue: dict[object, str], source: bool) -> Lines:
    for key, translation in catalogue.items():
        message = key[0] if isinstance(key, tuple) else key
        if not isinstance(message, str) or not message:
            continue
        message = message.split("\x04")[-1]
        for line in (message if source else translation).split("\n"):
            yield message[:200], clean(line.replace("_", "") if "_" in line[:3] else line)


def json_messages(paths: list[Path]) -> Lines:
    """MediaWiki's i18n files: one object of key to message."""
    for path in sorted(paths):
        content = json.loads(path.read_text("utf-8"))
        for key, message in content.items():
            if isinstance(message, str):
                for line in message.split("\n"):
                    yield f"{path.parent.name}/{key}", clean(line)


def json_wheel(wheel: Path, pattern: str) -> Lines:
    """Kolibri's message files inside its wheel."""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(n for n in archive.namelist() if re.search(pattern, n)):
            for key, message in json.loads(archive.read(name)).items():
                if isinstance(message, str):
                    yield key, clean(message)


def chromium_pak(path: Path) -> Lines:
    """User-interface strings of a Chromium language pack (.pak, version 5)."""
    data = path.read_bytes()
    version, encoding = struct.unpack_from("<IB", data)
    if version != 5 or encoding != 1:
        return
    count, _aliases = struct.unpack_from("<HH", data, 8)
    entries = [struct.unpack_from("<HI", data, 12 + 6 * i) for i in range(count + 1)]
    for (key, start), (_, end) in zip(entries, entries[1:], strict=False):
        try:
            message = data[start:end].decode("utf-8")
        except UnicodeDecodeError:
            continue
        if "<html" in message or "function" in message or "{" in message[:2]:
            continue
        for line in re.split(r"\n|<br ?/?>|</p>", message):
            yield f"pak-{key}", clean(line)


_TROFF_FONT = re.compile(r"\\f(?:\[[A-Z]*\]|\([A-Z]{2}|[A-Z0-9])|\\s[+-]?\d|\\&|\\/|\\,|\\:|\\%|\\\|")
_TROFF_CHARACTER = {r"\-": "-", r"\(aq": "'", r"\(cq": "’", r"\(oq": "‘", r"\(co": "©", r"\e": "\\", r"\ ": " "}
_TROFF_BREAK = (".PP", ".P", ".TP", ".IP", ".LP", ".SH", ".SS", ".RS", ".RE", ".HP", ".br", ".sp", ".Pp", ".It", ".Sh")


def man_pages(folder: Path, pattern: str) -> Lines:
    """Paragraphs of troff manual pages."""
    for path in sorted(folder.glob(pattern)):
        raw = gzip.decompress(path.read_bytes()).decode("utf-8", errors="ignore")
        paragraph: list[str] = []
        for line in [*raw.split("\n"), ".PP"]:
            if line.startswith(_TROFF_BREAK):
                text = clean(" ".join(paragraph))
                paragraph = []
                if text:
                    yield path.name, text
            elif line.startswith((".B ", ".I ", ".BR ", ".IR ", ".RB ", ".RI ", ".BI ", ".IB ")):
                paragraph.append(_troff(line.split(" ", 1)[1].replace('"', "")))
            elif not line.startswith((".", "'")):
                paragraph.append(_troff(line))


def _troff(line: str) -> str:
    for code, character in _TROFF_CHARACTER.items():
        line = line.replace(code, character)
    return _TROFF_FONT.sub("", line)


def plain(folder: Path, pattern: str) -> Lines:
    """Text files with one paragraph a line; a paragraph is a document of its own."""
    for path in sorted(folder.glob(pattern)):
        if path.is_dir() or path.suffix in {".dat", ".u8"}:
            continue
        for line in path.read_text("utf-8", errors="ignore").split("\n"):
            yield f"{path.stem}:{line[:40]}", clean(line)


def fortunes(folder: Path, pattern: str) -> Lines:
    """Fortune files: entries parted by a line with a percent sign."""
    for path in sorted(folder.glob(pattern)):
        if path.suffix in {".dat", ".u8"} or path.is_dir():
            continue
        for number, entry in enumerate(path.read_text("utf-8", errors="ignore").split("\n%\n")):
            yield f"{path.stem}-{number}", clean(re.sub(r"\x1b\[[0-9;]*m", "", entry))


def wordnet_glosses(folder: Path, pattern: str) -> Lines:
    """Definitions and examples of WordNet's data files."""
    for path in sorted(folder.glob(pattern)):
        for line in path.read_text("utf-8", errors="ignore").split("\n"):
            if " | " in line and not line.startswith("  "):
                fields = line.split(" | ", 1)
                word = fields[0].split(" ")[4].replace("_", " ")
                yield f"{path.suffix}-{fields[0][:8]}", clean(f"{word}: {fields[1]}")


def gcide(path: Path) -> Lines:
    """Definitions of the collaborative dictionary of English: indented paragraphs below a headword."""
    paragraph: list[str] = []
    with gzip.open(path, "rt", encoding="utf-8", errors="ignore") as file:
        for line in file:
            if line.startswith("   ") and line.strip():
                paragraph.append(line.strip())
            else:
                text = clean(re.sub(r"\[[^\]]*\]|\([^)]*\)|[{}]", "", " ".join(paragraph)))
                paragraph = []
                if text:
                    yield text[:40], text
