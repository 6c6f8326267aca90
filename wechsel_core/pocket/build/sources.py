"""Where the pocket's training text comes from, and how it becomes one clean corpus a language.

Nothing fetched here is committed: Debian packages and wheels are downloaded by name, read as data, and
written to a working folder as ``corpora/<language>.train.txt`` and ``corpora/<language>.heldout.txt``.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from wechsel_core.paths import pocket_dir
from wechsel_core.pocket.build import extract

DEBIAN_PACKAGES = (
    "aptitude-doc-en aptitude-doc-fr chromium-common chromium-l10n debian-edu-doc-de debian-edu-doc-en debian-edu-doc-fr "
    "debian-edu-doc-zh-cn debian-faq debian-faq-de debian-faq-fr debian-faq-zh-cn debian-handbook "
    "debian-reference-de debian-reference-en debian-reference-fr debian-reference-zh-cn debmake-doc "
    "developers-reference developers-reference-de developers-reference-fr dict-gcide fortunes fortunes-de "
    "freeciv-data gimp-help-de gimp-help-en gimp-help-fr gimp-help-zh-cn gnome-user-docs installation-guide-amd64 "
    "libreoffice-help-de libreoffice-help-en-us libreoffice-help-fr libreoffice-help-zh-cn maint-guide maint-guide-de "
    "maint-guide-fr maint-guide-zh-cn manpages manpages-de manpages-fr manpages-zh mediawiki python3.11-doc "
    "wesnoth-1.16-data wordnet-base wordpress-l10n"
).split()
WHEELS = ("kolibri==0.19.5", "django==5.2.19")

HELD_OUT_PERCENT = 5
MINIMUM_CHARACTERS = {"en": 25, "fr": 25, "de": 25, "sw": 15, "zh": 8}
_LOCALE = {"fr": "fr", "de": "de", "zh": "zh_CN", "sw": "sw"}
_TAG = {"en": "en", "fr": "fr", "de": "de", "zh": "zh-cn"}
_COUNTRY = {"en": "en-US", "fr": "fr-FR", "de": "de-DE", "zh": "zh-CN"}
_FUNCTION_WORDS = {
    "en": "the of and to is in that for you this with are be can not your if will which when it by from or".split(),
    "fr": "le la les de des du et est un une dans pour que vous qui sur par ne pas ce sont avec ou au aux en se".split(),
    "de": "der die das und ist ein eine in den von zu mit nicht sie für auf werden wird dem des auch als im sich".split(),
    "sw": "ya wa na kwa ni za la katika hii huu hizi hiyo kuwa cha au yako kama si ili kila wako yake lakini hadi".split(),
}
_HAN = re.compile(r"[\u4e00-\u9fff]")


def fetch(folder: Path) -> None:
    """Download and unpack every package that is not there yet; takes about 1.5 GB of disk."""
    downloads = folder / "downloads"
    for place in (downloads, folder / "deb"):
        place.mkdir(parents=True, exist_ok=True)
    for package in DEBIAN_PACKAGES:
        target = folder / "deb" / package
        if target.exists():
            continue
        subprocess.run(["apt-get", "download", "-q", package], cwd=downloads, check=True)
        (archive,) = downloads.glob(f"{package}_*.deb")
        partial = target.with_suffix(".partial")
        subprocess.run(["dpkg", "-x", archive, partial], check=True)
        partial.rename(target)
        archive.unlink()
    for wheel in WHEELS:
        name, version = wheel.split("==")
        if not list((folder / "wheels").glob(f"{name}-{version}-*.whl")):
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder / "wheels", wheel]
            subprocess.run(command, check=True)


def _readers(folder: Path, language: str) -> Iterator[extract.Lines]:  # noqa: C901 - one branch a source
    """Every source of one language, best prose first."""
    deb = {package: folder / "deb" / package / "usr" for package in DEBIAN_PACKAGES}
    doc = {package: root / "share/doc" for package, root in deb.items()}
    wheels = {path.name.split("-")[0]: path for path in sorted((folder / "wheels").glob("*.whl"))}
    committed = pocket_dir() / "texts" / language
    if committed.is_dir():
        yield extract.plain(committed, "*.txt")
    if language != "sw":
        tag, suffix = _TAG[language], "" if language == "en" else f"-{_TAG[language]}"
        office = "en-us" if language == "en" else tag
        reference = f"debian-reference-{tag}"
        yield extract.html(deb[f"libreoffice-help-{office}"], "share/libreoffice/help/*/text/**/*.html")
        yield extract.html(doc["debian-handbook"], f"debian-handbook/html/{_COUNTRY[language]}/*.html")
        yield extract.html(deb[reference], f"share/debian-reference/*.{tag}.html")
        gnome = "C" if language == "en" else _LOCALE[language]
        yield extract.html(deb["gnome-user-docs"], f"share/help/{gnome}/*/*.page")
        guide = "zh_CN" if language == "zh" else language
        yield extract.html(doc["installation-guide-amd64"], f"installation-guide-amd64/{guide}/*.html")
        yield extract.html(doc[f"debian-faq{suffix}"], "debian/FAQ/**/*.html")
        yield extract.html(doc[f"maint-guide{suffix}"], f"maint-guide{suffix}/html/*.{tag}.html")
        yield extract.html(doc[f"debian-edu-doc-{tag}"], f"debian-edu-doc-{tag}/debian-edu-bookworm-manual.html")
        yield extract.html(deb[f"gimp-help-{tag}"], "share/gimp/2.0/help/*/*.html")
        if language != "zh":
            yield extract.html(deb[f"developers-reference{suffix}"], "share/developers-reference/**/*.html")
        if language != "fr":
            yield extract.html(doc["debmake-doc"], f"debmake-doc/html/*.{tag}.html")
    else:
        yield extract.gettext_catalogue(deb["wordpress-l10n"], "share/wordpress/wp-content/languages/sw*.mo")
    if language in {"en", "fr"}:
        yield extract.html(doc[f"aptitude-doc-{language}"], f"aptitude/html/{language}/*.html")
    if language in {"fr", "de", "zh"}:
        yield extract.man_pages(deb[f"manpages-{language}"], f"share/man/{_LOCALE[language]}/man*/*.gz")
    for package, pattern in (
        ("wesnoth-1.16-data", "share/games/wesnoth/1.16/locale/{}/LC_MESSAGES/*.mo"),
        ("freeciv-data", "share/locale/{}/LC_MESSAGES/*.mo"),
    ):
        if language != "sw":
            locale = "fr" if language == "en" else _LOCALE[language]
            yield extract.gettext_catalogue(deb[package], pattern.format(locale), source=language == "en")
    i18n = "zh-hans" if language == "zh" else language
    yield extract.json_messages(sorted((deb["mediawiki"] / "share/mediawiki").rglob(f"i18n/**/{i18n}.json")))
    kolibri = {"en": "en", "fr": "fr_FR", "de": "de", "zh": "zh_CN|zh_Hans|zh", "sw": "sw_TZ|sw"}[language]
    yield extract.json_wheel(wheels["kolibri"], rf"^kolibri/locale/({kolibri})/.*-messages\.json$")
    django = {"zh": "zh_Hans", "en": "fr"}.get(language, language)
    yield extract.gettext_wheel(
        wheels["django"], rf"^django/.*/locale/{django}/LC_MESSAGES/\w+\.mo$", source=language == "en"
    )
    chromium = {"en": "en-US", "zh": "zh-CN"}.get(language, language)
    package = "chromium-common" if language == "en" else "chromium-l10n"
    yield extract.chromium_pak(deb[package] / f"lib/chromium/locales/{chromium}.pak")
    if language == "de":
        yield extract.fortunes(deb["fortunes-de"], "share/games/fortunes/de/*")
    if language == "en":
        yield extract.man_pages(deb["manpages"], "share/man/man*/*.gz")
        yield extract.fortunes(deb["fortunes"], "share/games/fortunes/*")
        yield extract.wordnet_glosses(deb["wordnet-base"], "share/wordnet/data.*")
        yield extract.html(doc["python3.11-doc"], "python3.11/html/[tlrhw]*/*.html")
        yield extract.gcide(deb["dict-gcide"] / "share/dictd/gcide.dict.dz")


def is_prose(line: str, language: str) -> bool:
    """Whether a line is running text of the language: long enough, mostly letters, not left in English."""
    if not MINIMUM_CHARACTERS[language] <= len(line) <= 4000:
        return False
    if sum(map(str.isalpha, line)) < 0.6 * len(line):
        return False
    if language == "zh":
        return len(_HAN.findall(line)) >= 0.5 * sum(map(str.isalpha, line))
    counts = Counter(line.lower().split())
    scores = {
        name: sum(counts[w] for w in words) for name, words in _FUNCTION_WORDS.items() if name in {language, "en"}
    }
    return language == "en" or scores[language] >= scores["en"]


def write_corpus(folder: Path, language: str, limit: int | None = None) -> dict[str, object]:
    """Write the train and held-out text of one language and return sizes and hashes.

    Lines are deduplicated over the whole language first; then whole documents go to the held-out side, by a
    hash of the document's language-free id. ``limit`` caps the training text in bytes, in source order.
    """
    seen: set[str] = set()
    parts: dict[str, list[str]] = {"train": [], "heldout": []}
    sizes: Counter[str] = Counter()
    for reader in _readers(folder, language):
        for document, line in reader:
            if line in seen or not is_prose(line, language):
                continue
            seen.add(line)
            digest = int.from_bytes(hashlib.sha256(document.encode()).digest()[:4], "big")
            part = "heldout" if digest % 100 < HELD_OUT_PERCENT else "train"
            size = len(line.encode()) + 1
            if part == "train" and limit is not None and sizes["train"] + size > limit:
                continue
            sizes[part] += size
            parts[part].append(line)
    record: dict[str, object] = {}
    corpora = folder / "corpora"
    corpora.mkdir(exist_ok=True)
    for part, lines in parts.items():
        content = ("\n".join(lines) + "\n").encode()
        (corpora / f"{language}.{part}.txt").write_bytes(content)
        record[part] = {"bytes": len(content), "lines": len(lines), "sha256": hashlib.sha256(content).hexdigest()}
    return record


def main(folder: Path, languages: tuple[str, ...], report: Callable[[str], object]) -> None:
    """Fetch everything and write all corpora."""
    fetch(folder)
    record = {}
    for language in languages:
        record[language] = write_corpus(folder, language, limit=30_000_000 if language == "en" else None)
        report(f"{language}: {record[language]}")
    (folder / "corpora" / "corpora.json").write_text(json.dumps(record, indent=1, sort_keys=True))
