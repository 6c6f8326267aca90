"""The library's error tree.

::

    WechselError            something failed (exit code 1)
    ├── TrainingError       a run that cannot go on: its loss is no number, its disk full
    └── InputError          what a person gave cannot be used (exit code 2)
        ├── ConfigError         a parameter out of range
        ├── VectorFileError     static vectors: missing, cut off, malformed, of another dimension
        ├── DictionaryError     bilingual dictionary: empty, wrong separator
        ├── TokenizerError      tokenizer: a needed token is missing, corpus too small
        ├── ModelError          model: unknown id, no network, unsupported architecture
        ├── AssetError          a file to fetch: unknown name, wrong hash, no network
        ├── OutputError         output folder: exists, not writable, not a result
        ├── TextError           text to train on: missing, not UTF-8, too short
        └── RunError            training run: unknown, there already, in a state that forbids what was asked
"""

from __future__ import annotations


class WechselError(Exception):
    """Base of everything the library raises on purpose."""

    exit_code = 1


class TrainingError(WechselError):
    """A training run that cannot go on."""


class InputError(WechselError):
    """Bad input, told in one sentence: what was found, what was expected, what to do.

    Parameters
    ----------
    found, expected, remedy : str
        Parts of the sentence, without a full stop at the end.
    """

    exit_code = 2

    def __init__(self, found: str, expected: str, remedy: str) -> None:
        self.found, self.expected, self.remedy = found, expected, remedy
        super().__init__(f"{found}; expected {expected}; {remedy}")


class ConfigError(InputError):
    """A parameter out of range."""


class VectorFileError(InputError):
    """Static vectors that cannot be used."""


class DictionaryError(InputError):
    """A bilingual dictionary that cannot be used."""


class TokenizerError(InputError):
    """A tokenizer that cannot be used or trained."""


class ModelError(InputError):
    """A model that cannot be had or used."""


class AssetError(InputError):
    """A file that cannot be fetched or fails its check."""


class OutputError(InputError):
    """A folder that cannot be written to or read as a result."""


class TextError(InputError):
    """Text that cannot be had or used."""


class RunError(InputError):
    """A training run that is not there, is there already, or is in a state that forbids what was asked."""
