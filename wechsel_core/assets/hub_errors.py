"""What the errors of the Hugging Face hub's client mean to a person, each in one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from wechsel_core.assets.files import disk_sentence
from wechsel_core.errors import InputError, ModelError

_TOKEN = "set HF_TOKEN or run 'hf auth login'"


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
        return _gated(name)
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
    if isinstance(error, ConnectionError) or _is_transport_error(error):
        return _unreachable(chain, name)
    return _explain_file(error, name) if isinstance(error, OSError) else None


def _impostor(name: str) -> tuple[str, str, str]:
    from huggingface_hub import constants

    return (
        f"what answered at {constants.ENDPOINT.split('://')[-1]} for {name} is no Hugging Face hub",
        "the hub",
        "check HF_ENDPOINT, the proxy and the firewall",
    )


def _explain_file(error: OSError, name: str) -> tuple[str, str, str] | None:
    from huggingface_hub import errors

    if isinstance(error, errors.FileMetadataError):
        return _impostor(name)
    if "Consistency check failed" in str(error):
        return (
            f"a file of {name} came with another length than the Hugging Face hub announced",
            "the whole file",
            "fetch it again",
        )
    return disk_sentence(error, name)


def _is_transport_error(error: BaseException) -> bool:
    # The client's HTTP library has changed its name (httpx, httpx2): its transport errors are told by module.
    module = type(error).__module__.partition(".")[0]
    return module.startswith("httpx") and any(kind.__name__ == "TransportError" for kind in type(error).__mro__)


def _unknown(name: str) -> tuple[str, str, str]:
    return (
        f"the Hugging Face hub has no public model {name}, and no local folder has that name",
        "an existing id or folder",
        f"correct the spelling, or, if it is private, {_TOKEN}",
    )


def _gated(name: str) -> tuple[str, str, str]:
    from huggingface_hub import get_token

    found = "the token in use has no access to it" if get_token() else "no token is set"
    return (
        f"{name} is gated on the Hugging Face hub and {found}",
        "the token of an account that has accepted its terms",
        f"accept them on its page and {_TOKEN}, or choose another model",
    )


def _status(error: BaseException, name: str) -> tuple[str, str, str]:
    from huggingface_hub import get_token

    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 404 or (status == 401 and not get_token()):  # the hub does not tell who has no token which it is
        return _unknown(name)
    if status in (401, 403):
        which = "the token in use" if get_token() else "a reader without a token"
        return f"the Hugging Face hub refused {which} access to {name} ({status})", "a token that may read it", _TOKEN
    return f"the Hugging Face hub answered {status} for {name}", "the file", "try again later"


def _unreachable(chain: list[BaseException], name: str) -> tuple[str, str, str]:
    """Offline by choice, a server's refusal, or no way to the host."""
    from huggingface_hub import constants, errors

    expected = "all its files in the hub's cache, or a network"
    if constants.HF_HUB_OFFLINE or any(isinstance(link, errors.OfflineModeIsEnabled) for link in chain):
        return (
            f"{name} is not (whole) in the hub's cache and HF_HUB_OFFLINE is set",
            expected,
            "unset HF_HUB_OFFLINE, or choose a local folder or a pocket model",
        )
    for link in chain:
        if isinstance(link, errors.HfHubHTTPError) and getattr(link, "response", None) is not None:
            return _status(link, name)
    if any(isinstance(link, errors.FileMetadataError) for link in chain):
        return _impostor(name)
    host = constants.ENDPOINT.split("://")[-1]
    return (
        f"{name} is not (whole) in the hub's cache and {host} cannot be reached",
        expected,
        "check the connection, or choose a local folder or a pocket model",
    )
