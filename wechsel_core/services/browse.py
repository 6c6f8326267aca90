"""What can be chosen: models and languages."""

from __future__ import annotations

from typing import Any

from wechsel_core import assets, catalogue
from wechsel_core.types import Progress


def models() -> list[dict[str, Any]]:
    """English models of the catalogue: name, title, family, tier, licence, whether on this machine, note."""
    entries = catalogue.load_catalogue().find("model")
    return [
        {
            "name": entry.name,
            "title": entry.name,
            "family": entry.family,
            "tier": entry.tier,
            "licence": entry.licence,
            "available": assets.is_present(entry),
            "note": entry.summary,
        }
        for entry in entries
    ]


def languages() -> list[dict[str, Any]]:
    """Target languages of the catalogue: code, name, native_name, tier of the nearest vectors."""
    return [
        {"code": entry.code, "name": entry.name, "native_name": entry.native, "tier": entry.tier}
        for entry in catalogue.load_catalogue().languages
        if entry.code != "en"
    ]


def assets_listed() -> list[dict[str, Any]]:
    """Every entry of the catalogue: name, kind, tier, language, licence, bytes, whether on this machine."""
    return [
        {
            "name": entry.name,
            "kind": entry.kind,
            "tier": entry.tier,
            "language": entry.language,
            "licence": entry.licence,
            "bytes": entry.n_bytes,
            "present": assets.is_present(entry),
        }
        for entry in catalogue.load_catalogue().assets
    ]


def fetch_asset(name: str, progress: Progress | None = None) -> str:
    """Fetch an entry and return where it lies; an unknown name is refused with near ones."""
    return str(assets.fetch(catalogue.load_catalogue().asset(name), progress=progress))


def verify_asset(name: str, progress: Progress | None = None) -> None:
    """Check a fetched entry against its hashes; ``AssetError`` says what is wrong."""
    assets.verify(catalogue.load_catalogue().asset(name), progress=progress)
