"""An environment of its own for each package that is measured, made once from pinned requirements."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
#: Packages whose versions the report names.
REPORTED = (
    "wechsel", "deepfocus", "numpy", "scipy", "numba", "torch", "transformers", "tokenizers", "safetensors",
    "scikit-learn", "fasttext-numpy2-wheel", "gensim", "entmax", "fastdist", "matplotlib",
)  # fmt: skip


@dataclass(frozen=True)
class Environment:
    """A requirements file, and the packages that are installed beside it without what they themselves ask for."""

    name: str
    without_dependencies: tuple[str, ...] = ()

    @property
    def requirements(self) -> Path:
        """The pinned list beside this file."""
        return HERE / f"requirements-{self.name}.txt"


ENVIRONMENTS = {
    environment.name: environment
    for environment in (
        Environment("reference", ("wechsel==0.0.4",)),
        Environment("focus", ("deepfocus==1.0.1",)),
        Environment("plot"),
    )
}


def python_of(name: str, bench: Path) -> Path:
    """The interpreter of an environment, which is made or made anew if its requirements have changed.

    ``ours`` is the environment that the harness itself runs in.
    """
    if name == "ours":
        return Path(sys.executable)
    environment = ENVIRONMENTS[name]
    folder = bench / "envs" / name
    python = folder / "bin" / "python"
    wanted = f"{environment.requirements.read_text()}{environment.without_dependencies}"
    stamp, digest = folder / "installed", hashlib.sha256(wanted.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return python
    sys.stdout.write(f"making the environment {name}\n")
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", environment.requirements], check=True)
    if environment.without_dependencies:
        subprocess.run([*install, "--no-deps", *environment.without_dependencies], check=True)
    stamp.write_text(digest)
    return python


_VERSIONS = """
import importlib.metadata, json, platform, sys
found = {"python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def versions(python: Path) -> dict[str, str]:
    """Versions of the reported packages that an environment has."""
    done = subprocess.run([python, "-c", _VERSIONS, *REPORTED], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)
