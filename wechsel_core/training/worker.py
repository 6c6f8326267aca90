"""The process that trains one run: ``python -m wechsel_core.training.worker RUN_FOLDER``.

It reads ``run.json``, waits for its device, trains, and tells how it goes in the run's folder; nothing else connects it
with whoever started it. Under ``accelerate launch`` or ``torchrun`` it is started once a device, and rank 0 alone writes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock

from wechsel_core import processes, runs
from wechsel_core.config import TrainConfig, config_hash
from wechsel_core.errors import InputError, TrainingError, WechselError
from wechsel_core.training.prepared_text import PreparedText, prepare_text
from wechsel_core.training.queue import wait_for_turn
from wechsel_core.training.recipe import BETAS, EPSILON, Recipe, resolve

#: Seconds between two heartbeats at the least; a step of a small model is shorter.
BEAT_SECONDS = 1.0
#: What the libraries say of a full disk; "inline_container" is torch, whose archive then ends too early.
_FULL_DISK = ("No space left", "PytorchStreamWriter failed", "inline_container", "Disk quota")
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


class Stopped(Exception):  # noqa: N818 - it is no error
    """Somebody asked for a stop before training began."""


class Worker:
    """One start of a run.

    Parameters
    ----------
    folder : Path
        The run's.
    stop : callable, optional
        Asked at every step, beside the run's own signals; True ends the run with a checkpoint.
    prepare : callable, optional
        In the place of ``prepare_text``: who trains many runs on one text keeps it.
    """

    def __init__(
        self, folder: Path, stop: Callable[[], bool] = lambda: False, prepare: Callable[..., PreparedText] | None = None
    ) -> None:
        self.folder, self._stop, self._prepare = folder, stop, prepare or prepare_text
        self.rank = int(os.environ.get("RANK", "0"))
        self.run = runs.read_run(folder)
        self.config = TrainConfig.from_dict(self.run["config"])
        self.attempt = int(runs.read_status(folder).get("attempt") or 0) + 1
        self._told_to_stop = False
        self._last_beat = 0.0
        self._step: dict[str, int] = {}

    def main(self) -> int:
        """Train, and end with 0 (finished or stopped), 1 (failed) or 2 (bad input, or another worker is there)."""
        signal.signal(signal.SIGTERM, self._on_terminate)
        if self.rank:
            return self._follow()
        try:
            with filelock.FileLock(self.folder / runs.LOCK, timeout=0):
                return self._lead()
        except filelock.Timeout:
            sys.stderr.write(f"error: another worker trains {self.folder.name}; one worker; wait for it or stop it\n")
            return 2

    def _on_terminate(self, *_: Any) -> None:
        self._told_to_stop = True

    def stop_wanted(self) -> bool:
        """Whether a signal or the run's ``stop`` file asks for an end."""
        return self._told_to_stop or runs.stop_requested(self.folder) or self._stop()

    def _lead(self) -> int:
        runs.write_status(
            self.folder, state="queued", phase="Starting", attempt=self.attempt, reason=None, **processes.identity()
        )
        with self._ended():
            with wait_for_turn(self.folder, device_of(self.config), self.stop_wanted) as turn:
                if not turn:
                    raise Stopped
                finished = self._train()
            runs.heartbeat(self.folder, state="finished" if finished else "stopped", phase="", **self._step)
        return self._exit_code

    def _follow(self) -> int:
        """Ranks above 0 start once rank 0 has its turn; a process group does not wait as long as a queue may."""
        while (state := runs.effective_status(self.folder)["state"]) in ("queued", "stopping"):
            if self.stop_wanted():
                return 0
            time.sleep(0.5)
        if state != "running":
            return 0
        self._train()
        return 0

    @contextlib.contextmanager
    def _ended(self) -> Iterator[None]:
        """However the block ends, the status says how."""
        self._exit_code = 0
        try:
            yield
        except Stopped:
            runs.heartbeat(self.folder, state="stopped", phase="")
        except Exception as error:
            self._exit_code = 2 if isinstance(error, InputError) else 1
            if not isinstance(error, WechselError):
                traceback.print_exc()
            self._drop_torn()
            reason = _reason(error)
            sys.stderr.write(f"error: {reason}\n")
            runs.heartbeat(self.folder, state="failed", phase="", reason=reason, **self._step)

    def _drop_torn(self) -> None:
        """Checkpoints that were not written to the end are of no use, and their room may be needed."""
        whole = runs.whole_checkpoints(self.folder)
        for path in (self.folder / "checkpoints").glob("checkpoint-*"):
            if path not in whole:
                shutil.rmtree(path, ignore_errors=True)

    def _phase(self, sentence: str) -> None:
        if self.stop_wanted() and not self.rank:
            raise Stopped
        if not self.rank:
            runs.heartbeat(self.folder, state="running", phase=sentence)
        sys.stdout.write(f"{sentence}\n")
        sys.stdout.flush()

    def _train(self) -> bool:
        self._phase("Loading the model")
        import torch

        from wechsel_core.models.quiet import no_progress_bars
        from wechsel_core.training import arms, data, loop

        no_progress_bars()  # nobody looks at a log's bars
        config = self.config
        if config.threads:
            torch.set_num_threads(config.threads)
        start = arms.start_model(result_folder(config.result), config.arm, config.seed, self._tell)
        parameters = sum(parameter.numel() for parameter in start.model.parameters())
        recipe = resolve(config, kind=start.kind, parameters=parameters, longest=longest_block(start))
        self._phase("Preparing the text")
        text = self._prepare(config, start, recipe, self._tell)
        held_out, blocks = text.held_out, text.blocks
        vocab_size = start.model.get_input_embeddings().weight.shape[0]
        mask = data.masker(start.tokenizer, vocab_size, config.mask_share) if held_out.masked else None
        examples = data.Examples(blocks, recipe.steps * recipe.batch_size, config.seed, mask)
        if not self.rank:
            prepared = {
                **text.record,
                "held_out_bytes": held_out.n_bytes, "held_out_tokens": held_out.n_tokens,
                "bytes_per_token": held_out.n_bytes / held_out.n_tokens,
                "train_blocks": len(blocks),
                "unigram_bits_per_byte": held_out.score_unigram(blocks, vocab_size).bits_per_byte,
                "parameters": parameters,
                "initialisation": arms.initialisation(config.arm, start.model, result_folder(config.result)),
                "device": device_of(config), "precision": "bf16" if loop.uses_bf16(config) else "float32",
                "threads": torch.get_num_threads(),
            }  # fmt: skip
            runs.update_run(self.folder, prepared=prepared | hashes(prepared, recipe, config, start.model))
            runs.heartbeat(self.folder, steps=recipe.steps)
        checkpoints = runs.whole_checkpoints(self.folder)
        checkpoint = checkpoints[-1] if checkpoints else None
        self._phase("Training")
        with self._metrics() as metrics:
            watch = loop.Watch(self._on_step, self.stop_wanted, metrics, held_out.n_bytes / held_out.n_tokens)
            finished = loop.train(
                start, examples, held_out, recipe, config, self.folder, watch,
                embeddings=arms.embedding_names(start.model), checkpoint=checkpoint,
                seconds=self._seconds_before(checkpoint),
            )  # fmt: skip
        if finished and not self.rank:
            shutil.rmtree(
                self.folder / "checkpoints", ignore_errors=True
            )  # the model is there; they are three times it
        return finished

    @contextlib.contextmanager
    def _metrics(self) -> Iterator[runs.MetricsWriter | None]:
        if self.rank:
            yield None
            return
        with runs.MetricsWriter(self.folder, self.attempt) as writer:
            yield writer

    def _seconds_before(self, checkpoint: Path | None) -> float:
        if checkpoint is None:
            return 0.0
        known = runs.read_metrics(self.folder)
        known = known[known["step"] <= int(checkpoint.name.rsplit("-", 1)[1])]
        return float(known["seconds"].max()) if len(known) else 0.0

    def _on_step(self, step: int) -> None:
        self._step = {"step": step}
        now = processes.boot_seconds()
        if now - self._last_beat >= BEAT_SECONDS:
            self._last_beat = now
            runs.heartbeat(self.folder, **self._step)

    def _tell(self, share: float, sentence: str) -> None:
        if self.stop_wanted() and not self.rank:
            raise Stopped


def device_of(config: TrainConfig) -> str:
    """The device that a run waits for and trains on: "cpu", "mps", or "cuda:" with the number of this process."""
    if config.device == "cpu":
        return "cpu"
    if config.device == "auto" and not Path("/dev/nvidiactl").exists() and sys.platform != "darwin":
        return "cpu"  # told without torch, which takes seconds to import
    import torch

    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if config.device == "auto":
        kind = next(name for name, there in found.items() if there)
    elif not found[config.device]:
        raise TrainingError(f"this machine has no {config.device} device that torch can use: choose auto or cpu")
    else:
        kind = config.device
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if kind == "cuda" else kind


def result_folder(result: str) -> Path:
    """A result by the id that the app gave it, or by its folder."""
    from wechsel_core import paths

    own = paths.results_dir() / result
    return own if Path(result).name == result and own.is_dir() else Path(result).expanduser()


def longest_block(start: Any) -> int:
    """Tokens that a model takes at once."""
    config = start.model.config
    positions = int(getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", 0) or 1 << 20)
    if getattr(config, "pad_token_id", None) is not None and hasattr(start.model, "roberta"):
        positions -= config.pad_token_id + 1  # RoBERTa counts positions from the pad id on
    return positions


def hashes(prepared: dict[str, Any], recipe: Recipe, config: TrainConfig, model: Any) -> dict[str, Any]:
    """The recipe's figures, and the hashes that show what two runs share.

    ``comparison_hash`` covers everything but the arm's weights and how long its inner layers rest; ``group_hash`` leaves
    the seed out as well.
    """
    figures = {
        "optimizer": "AdamW", "betas": list(BETAS), "epsilon": EPSILON, "weight_decay": config.weight_decay,
        **{name: getattr(recipe, name) for name in Recipe.__dataclass_fields__},
    }  # fmt: skip
    shapes = {name: list(parameter.shape) for name, parameter in model.state_dict().items()}
    shared = {
        **{name: prepared[name] for name in ("train_sha256", "held_out_sha256", "tokenizer_sha256", "precision")},
        **{name: figures[name] for name in figures if name not in ("frozen_steps", "eval_every", "save_every", "log_every")},
        "mask_share": config.mask_share, "model": type(model).__name__, "shapes": shapes,
    }  # fmt: skip
    return figures | {
        "comparison_hash": config_hash(shared | {"seed": config.seed}),
        "group_hash": config_hash(shared),
    }


def _reason(error: Exception) -> str:
    """One sentence for the status."""
    if isinstance(error, WechselError):
        return str(error)
    words = (str(error).strip().splitlines() or [""])[0]
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or any(sign in str(error) for sign in _FULL_DISK):
        return "the disk is full; the last whole checkpoint is kept; free some room and resume"
    if isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _NO_MEMORY):
        return "out of memory; give a smaller batch, more accumulation or gradient checkpointing"
    return f"{type(error).__name__}: {words}"


def main() -> int:
    """Read the command line."""
    if len(sys.argv) != 2:
        sys.stderr.write("error: a run folder is needed; python -m wechsel_core.training.worker FOLDER; give one\n")
        return 2
    try:
        return Worker(Path(sys.argv[1])).main()
    except WechselError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
