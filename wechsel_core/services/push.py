"""Put an exported folder on the Hugging Face hub, as one commit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wechsel_core.assets.hub import hub_reachable
from wechsel_core.assets.hub_errors import hub_errors
from wechsel_core.errors import OutputError

_MESSAGE = "Export from WECHSEL Lab"
_GET_TOKEN = "make one at the hub that may write, and set HF_TOKEN or run 'hf auth login'"


def check_push(repo_id: str) -> None:
    """Refuse, before anything long starts, what could not be pushed in the end.

    Raises
    ------
    OutputError
        A name that is none, no token, no way to the hub.
    """
    from huggingface_hub import constants, errors, get_token
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    with contextlib.suppress(errors.HFValidationError):
        validate_repo_id(repo_id)
        if repo_id.count("/") == 1:
            if get_token() is None:
                raise OutputError("no token for the Hugging Face hub", "one that may write", _GET_TOKEN)
            if not hub_reachable():
                host = constants.ENDPOINT.split("://")[-1]
                found = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"{host} cannot be reached"
                raise OutputError(found, "a way to the Hugging Face hub", "connect first, or export without --push")
            return
    raise OutputError(f"{repo_id!r} is no name for a model on the hub", "user/name", "correct --push")


def push(folder: Path, repo_id: str, *, private: bool, force: bool) -> str:
    """Make the repository and put every file of the folder into it; returns its address.

    Parameters
    ----------
    folder : Path
    repo_id : str
        user/name.
    private : bool
        Only for the owner's eyes. False leaves it to the owner's settings.
    force : bool
        Go on where the repository is there already. Weights in it that the folder does not have are deleted: a loader
        might take them for the model.

    Raises
    ------
    OutputError
        A repository that is there or is public against the wish, a token that may not write, no network. The folder
        stays as it is.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api = HfApi()  # the token of the environment
    names = sorted(path.name for path in folder.iterdir())
    operations: list[Any] = [CommitOperationAdd(name, folder / name) for name in names]
    with _told(repo_id, folder):
        api.create_repo(repo_id, private=private or None, exist_ok=force)
        if private and not api.model_info(repo_id).private:
            raise OutputError(f"{repo_id!r} is there and public", "a private one", "choose another name")
        kept = api.list_repo_files(repo_id) if force else []
        stale = [name for name in kept if name.startswith(("model", "pytorch_model")) and name not in names]
        operations += [CommitOperationDelete(name) for name in stale]
        api.create_commit(repo_id, operations, commit_message=_MESSAGE)
    return f"{api.endpoint}/{repo_id}"


@contextlib.contextmanager
def _told(repo_id: str, folder: Path) -> Iterator[None]:
    """What can go wrong on the way to the hub, in one sentence each; the token is never in it."""
    from huggingface_hub import errors

    whole = f"{folder} is whole"

    def refused(found: str, expected: str, remedy: str) -> OutputError:
        return OutputError(found, expected, f"{remedy}; {whole}")

    try:
        with hub_errors(repo_id, OutputError):
            try:
                yield
            except errors.HfHubHTTPError as error:
                status = getattr(getattr(error, "response", None), "status_code", None)
                if status == 409:
                    found, remedy = f"{repo_id!r} is on the hub already", "choose another name, or give --force"
                    raise refused(found, "the name of a new model", remedy) from error
                if status in (401, 403):
                    found = f"the hub refused the token in use ({status}) for {repo_id!r}"
                    raise refused(found, "a token that may write there", _GET_TOKEN) from error
                raise
            except ValueError as error:  # the client's word for a card that the hub finds faults in
                reason = " ".join(str(error).split())
                raise refused(
                    f"the hub does not take the card ({reason})", "README.md in its form", "mend it"
                ) from error
    except RuntimeError as error:  # the client's word for an upload that was refused
        reason = " ".join(str(error).split())
        raise refused(f"{repo_id!r} was not pushed ({reason})", "the hub to take every file", "try again") from error
