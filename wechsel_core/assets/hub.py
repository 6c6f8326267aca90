"""Files of the Hugging Face hub, in the cache that the hub's client shares with other programs.

``HF_HOME``, ``HF_HUB_CACHE``, ``HF_HUB_OFFLINE``, ``HF_TOKEN`` and ``HF_ENDPOINT`` hold as everywhere: its client reads
them, when it is imported.
"""

from __future__ import annotations

import functools
import hashlib
import http.client
import io
import json
import re
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor, wait
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from wechsel_core.assets.files import file_sha256
from wechsel_core.assets.hub_errors import hub_errors
from wechsel_core.errors import AssetError
from wechsel_core.types import Progress

_TOKENIZER_FILES = (
    "config.json", "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt",
    "spiece.model", "spm.model", "sentencepiece.bpe.model", "chat_template.jinja",
)  # fmt: skip
#: What a model folder needs; other formats and precisions of the same weights stay where they are.
_FILES = (
    "generation_config.json", "model.safetensors", "model-*.safetensors", "model.safetensors.index.json",
    *_TOKENIZER_FILES,
)  # fmt: skip
_INDEX = "model.safetensors.index.json"
_POLL = 0.1  # seconds between two reports of progress


def hub_file(repo_id: str, filename: str, *, revision: str | None = None, cache: Path | None = None) -> Path:
    """One file of a hub repository, from the hub's cache or the network.

    Parameters
    ----------
    repo_id : str
        Such as ``gpt2`` or ``FacebookAI/roberta-base``.
    revision : str, optional
        Branch, tag or commit; the default branch if not given.
    cache : Path, optional
        The hub's cache folder; its own default (``$HF_HOME``) if not given, shared with other programs.

    Raises
    ------
    AssetError
        Malformed or unknown id, no such file, no network, disk full: each told apart.
    """
    from huggingface_hub import hf_hub_download

    with hub_errors(repo_id, AssetError, filename=filename):
        path = hf_hub_download(
            repo_id, filename, revision=revision, cache_dir=cache, local_files_only=not hub_reachable(),
            tqdm_class=_Meter().bar_class(),
        )  # fmt: skip
    return Path(path)


def fetch_repository(repo_id: str, *, progress: Progress | None = None) -> Path:
    """A model's config, safetensors weights (in shards or not) and tokenizer; returns the snapshot folder.

    What is in the hub's cache already is not fetched again. Without a network the cache alone is looked at. New files
    are checked against the hashes that the hub names them by.

    Raises
    ------
    AssetError
        As ``hub_file``; also when the repository has no safetensors weights, a shard is missing, or a file arrived
        with another length or hash.
    """
    config = hub_file(repo_id, "config.json")  # tells an unknown id apart, which a snapshot does not in every case
    if hub_reachable():
        blobs = config.parents[2] / "blobs"
        before = {path.name for path in blobs.glob("*")}
        with hub_errors(repo_id, AssetError):
            config = _snapshot(repo_id, progress) / "config.json"
        new = [path for path in config.parent.iterdir() if path.resolve().name not in before]
        damaged = _damaged(new, progress)
        if damaged:
            damaged.resolve().unlink()
            damaged.unlink(missing_ok=True)
            raise AssetError(
                f"{damaged.name} of {repo_id!r} came with another hash than the Hugging Face hub announced",
                "the same file",
                "fetch it again: what came has been deleted",
            )
    missing = _missing_weights(config.parent)
    if missing:
        offline = not hub_reachable()
        raise AssetError(
            f"{repo_id!r} has no {missing}" + (" in the hub's cache" if offline else ""),
            "all its weights as safetensors",
            "connect to the internet and fetch it again" if offline else "choose another model or convert it first",
        )
    if progress:
        progress(1.0, f"fetched {repo_id}")
    return config.parent


def fetch_tokenizer(repo_id: str, *, revision: str | None = None) -> Path:
    """The snapshot folder of a repository with what a tokenizer is read from; raises as ``hub_file``."""
    with hub_errors(repo_id, AssetError):
        return _download(repo_id, _TOKENIZER_FILES, _Meter(), revision)


def cached_repository(repo_id: str) -> Path | None:
    """The snapshot folder of a model in the hub's cache, if config and all weights are there; asks no network."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(repo_id, "config.json")
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    return None if _missing_weights(folder) else folder


def verify_repository(repo_id: str, folder: Path, progress: Progress | None = None) -> None:
    """Check every file of a snapshot against the hash that the hub names it by; ``AssetError`` for one that differs."""
    damaged = _damaged([path for path in folder.rglob("*") if path.is_file()], progress)
    if damaged:
        raise AssetError(
            f"{damaged.name} of {repo_id!r} has changed since it was fetched",
            f"the hash {damaged.resolve().name}",
            f"delete {damaged.resolve()} and fetch again",
        )


def _missing_weights(folder: Path) -> str | None:
    """The first weight file that a snapshot lacks."""
    if (folder / "model.safetensors").is_file():
        return None
    try:
        shards = set(json.loads((folder / _INDEX).read_text("utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "model.safetensors"
    return next((name for name in sorted(shards) if not (folder / name).is_file()), None)


def _damaged(paths: list[Path], progress: Progress | None) -> Path | None:
    """The first file whose content is not what its name in the hub's cache says.

    The hub names large files by their SHA-256 and small ones by git's hash. Where the system has no links a file goes
    by its own name, and only its length has been checked, by the client.
    """
    for path in paths:
        blob = path.resolve()
        if re.fullmatch(r"[0-9a-f]{64}", blob.name):
            found = file_sha256(blob, progress)
        elif re.fullmatch(r"[0-9a-f]{40}", blob.name):
            content = blob.read_bytes()
            found = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        else:
            continue
        if found != blob.name:
            return path
    return None


class _Meter:
    """Counts the bytes that the hub's client reports to its progress bars, shows nothing, and can stop it."""

    def __init__(self) -> None:
        self.bars: list[Any] = []
        self.cancelled = False

    @property
    def n_bytes(self) -> int:
        """Bytes received, by the bar that is ahead (received and unpacked bytes have one each)."""
        return int(max((bar.n for bar in self.bars), default=0))

    def bar_class(self) -> Any:
        from tqdm.std import tqdm

        meter = self

        class SilentBar(tqdm):  # type: ignore[misc, type-arg]
            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, **{**options, "file": io.StringIO(), "disable": False})
                if options.get("unit") == "B":
                    meter.bars.append(self)

            def update(self, n: float | None = 1) -> Any:
                if meter.cancelled:
                    raise InterruptedError("cancelled")
                return super().update(n)

        return SilentBar


def _snapshot(repo_id: str, progress: Progress | None) -> Path:
    """Download in a thread, and report from this one: callbacks of a page may not be called from another."""
    meter, total = _Meter(), 0
    executor = ThreadPoolExecutor(1)
    future = executor.submit(_download, repo_id, _FILES, meter)
    try:
        while not wait([future], timeout=_POLL).done:
            total = total or _n_bytes(repo_id)
            if progress:
                share = min(0.99, meter.n_bytes / total) if total else 0.0
                progress(share, f"fetching {repo_id}: {meter.n_bytes / 1e6:.1f} MB")
    finally:
        meter.cancelled = not future.done()
        executor.shutdown(wait=False)  # a stopped transfer ends with its next block
    return future.result()


def _download(repo_id: str, patterns: tuple[str, ...], meter: _Meter, revision: str | None = None) -> Path:
    from huggingface_hub import errors, snapshot_download

    try:
        folder = snapshot_download(
            repo_id, revision=revision, allow_patterns=list(patterns), local_files_only=not hub_reachable(),
            tqdm_class=meter.bar_class(),
        )  # fmt: skip
    except json.JSONDecodeError as error:
        raise errors.FileMetadataError("an answer of the hub is no JSON") from error
    return Path(folder)


def _n_bytes(repo_id: str) -> int:
    """Size of what will be fetched, once the client has noted what the repository holds; 0 before."""
    from huggingface_hub import errors, get_cached_repo_tree

    try:
        files = get_cached_repo_tree(repo_id)
    except errors.CachedRepoTreeNotFoundError:
        return 0
    return sum(file.size for file in files if any(fnmatch(file.path, pattern) for pattern in _FILES))


def hub_reachable() -> bool:
    """Whether the hub answers at all; asked at most once a minute.

    Without asking first, the hub's client retries an unreachable host for half a minute a file, even for files that
    are in its cache.
    """
    from huggingface_hub import constants

    return not constants.HF_HUB_OFFLINE and _answers(constants.ENDPOINT, int(time.monotonic() // 60))


@functools.lru_cache(maxsize=1)
def _answers(endpoint: str, minute: int) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=10):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True  # an answer all the same
    except (OSError, http.client.HTTPException):
        return False
