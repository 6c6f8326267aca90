"""Files of the Hugging Face hub, and what its errors mean to a person."""

from __future__ import annotations

import contextlib
import errno
import functools
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from wechsel_core.assets.files import disk_full
from wechsel_core.errors import AssetError, InputError, ModelError
from wechsel_core.types import Progress

#: What a model folder needs; other formats of the same weights stay where they are.
_FILES = (
    "config.json", "generation_config.json", "model*.safetensors", "model.safetensors.index.json", "tokenizer*",
    "special_tokens_map.json", "vocab.*", "merges.txt", "spiece.model", "sentencepiece.bpe.model",
)  # fmt: skip
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


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
            repo_id, filename, revision=revision, cache_dir=cache, local_files_only=not hub_reachable()
        )
    return Path(path)


def fetch_repository(repo_id: str, *, progress: Progress | None = None) -> Path:
    """A model's config, safetensors weights and tokenizer in the hub's cache; returns the snapshot folder."""
    from huggingface_hub import snapshot_download

    if progress:
        progress(0.0, f"fetching {repo_id}")
    with hub_errors(repo_id, AssetError):
        hub_file(repo_id, "config.json")  # tells an unknown id apart, which the next call does not in every case
        snapshot_download(repo_id, allow_patterns=list(_FILES), local_files_only=not hub_reachable())
    folder = cached_repository(repo_id)
    if folder is None:
        raise AssetError(
            f"{repo_id!r} has no safetensors weights", "model.safetensors", "choose another model or convert it first"
        )
    if progress:
        progress(1.0, f"fetched {repo_id}")
    return folder


def cached_repository(repo_id: str) -> Path | None:
    """The snapshot folder of a model in the hub's cache, if config and weights are there; asks no network."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(repo_id, "config.json")
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    return folder if any((folder / name).is_file() for name in _WEIGHTS) else None


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


@contextlib.contextmanager
def hub_errors(
    repo_id: str, error_class: type[InputError] = ModelError, *, filename: str | None = None
) -> Iterator[None]:
    """Turn what the hub's client and transformers raise about a repository into one sentence of ``error_class``.

    Errors that have another cause (a malformed weight file, say) pass through.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        sentence = explain(error, repo_id, filename)
        if sentence is None:
            raise
        raise error_class(*sentence) from error


def explain(error: BaseException, repo_id: str, filename: str | None = None) -> tuple[str, str, str] | None:
    """What was found, what was expected and what to do; None if the error is not about reaching the hub."""
    chain = _chain(error)
    # transformers wraps the client's errors: the first one that says something, outermost first, is the reason.
    for link in chain:
        sentence = _explain_one(link, chain, repo_id, filename)
        if sentence:
            return sentence
    return None


def _chain(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def _explain_one(
    error: BaseException, chain: list[BaseException], repo_id: str, filename: str | None
) -> tuple[str, str, str] | None:
    from huggingface_hub import errors

    name = f"{repo_id!r}"
    if isinstance(error, errors.HFValidationError):
        return (
            f"{name} is neither an existing path nor a well-formed hub id",
            "a local folder, or an id such as 'gpt2' or 'owner/name'",
            "correct the spelling",
        )
    if isinstance(error, errors.GatedRepoError):
        return (
            f"{name} is gated on the Hugging Face hub",
            "a model that anyone may download",
            "accept its terms on its page and run 'hf auth login', or choose another model",
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return _unknown(name)
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{name} has no such revision", "a branch, tag or commit of it", "leave the revision out"
    if isinstance(error, (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled)):
        return _unreachable(chain, name)
    if isinstance(error, errors.EntryNotFoundError):
        what = filename or "a file that it needs"
        return f"{name} on the Hugging Face hub lacks {what}", "a repository that holds it", "choose another one"
    if isinstance(error, errors.HfHubHTTPError):
        return _status(error, name)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return disk_full(name)
    if isinstance(error, ConnectionError) or _is_transport_error(error):
        return _unreachable(chain, name)
    return None


def _is_transport_error(error: BaseException) -> bool:
    # The client's HTTP library has changed its name (httpx, httpx2): its transport errors are told by module.
    module = type(error).__module__.partition(".")[0]
    return module.startswith("httpx") and any(kind.__name__ == "TransportError" for kind in type(error).__mro__)


def _unknown(name: str) -> tuple[str, str, str]:
    return (
        f"the Hugging Face hub has no public model {name}, and no local folder has that name",
        "an existing id or folder",
        "correct the spelling, or run 'hf auth login' if it is private",
    )


def _status(error: BaseException, name: str) -> tuple[str, str, str]:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 404):
        return _unknown(name)
    return f"the Hugging Face hub answered {status} for {name}", "the file", "try again later"


def _unreachable(chain: list[BaseException], name: str) -> tuple[str, str, str]:
    """Offline by choice, a server's refusal, or no way to the host."""
    from huggingface_hub import constants, errors

    expected = "its files in the hub's cache, or a network"
    if constants.HF_HUB_OFFLINE or any(isinstance(link, errors.OfflineModeIsEnabled) for link in chain):
        return (
            f"{name} is not in the hub's cache and HF_HUB_OFFLINE is set",
            expected,
            "unset HF_HUB_OFFLINE, or choose a local folder or a pocket model",
        )
    for link in chain:
        if isinstance(link, errors.HfHubHTTPError) and getattr(link, "response", None) is not None:
            return _status(link, name)
    host = constants.ENDPOINT.split("://")[-1]
    return (
        f"{name} is not in the hub's cache and {host} cannot be reached",
        expected,
        "check the connection, or choose a local folder or a pocket model",
    )
