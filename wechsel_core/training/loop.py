"""Training itself: transformers' Trainer with our data order, loss, scores, checkpoints and stop."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from wechsel_core.errors import TrainingError
from wechsel_core.evaluation.language_modeling import HeldOutText, score_from_sum
from wechsel_core.evaluation.wanted_positions import output_at
from wechsel_core.runs import COMPLETE, MetricsWriter, whole_checkpoints
from wechsel_core.training.recipe import BETAS, EPSILON, Recipe

#: Whole checkpoints that are kept: should the newest turn out to be spoilt, there is another one.
KEPT_CHECKPOINTS = 2
SCORED_AT_ONCE = 16


@dataclass(frozen=True)
class Watch:
    """How the loop speaks with the outside, on rank 0: a step is done, is a stop wanted, where metrics go."""

    on_step: Callable[[int], None]
    stop: Callable[[], bool]
    metrics: MetricsWriter | None
    bytes_per_token: float


def arguments(folder: Path, recipe: Recipe, config: Any) -> TrainingArguments:
    """The Trainer's arguments of a run; raises ``TrainingError`` for a batch that the processes cannot share."""
    import torch

    processes = int(os.environ.get("WORLD_SIZE", "1"))
    blocks, rest = divmod(recipe.batch_size, processes * config.accumulation)
    if rest or not blocks:
        raise TrainingError(
            f"a batch of {recipe.batch_size} blocks cannot be shared by {processes} processes x {config.accumulation} parts"
        )
    return TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        max_steps=recipe.steps,
        per_device_train_batch_size=blocks,
        gradient_accumulation_steps=config.accumulation,
        activation_checkpointing=config.gradient_checkpointing,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=recipe.warmup_steps,
        weight_decay=config.weight_decay,
        adam_beta1=BETAS[0],
        adam_beta2=BETAS[1],
        adam_epsilon=EPSILON,
        logging_strategy="steps",
        logging_steps=recipe.log_every,
        logging_nan_inf_filter=False,  # a loss of NaN has to be seen
        save_strategy="steps",
        save_steps=recipe.save_every,
        eval_strategy="no",  # ours: it scores before the first step, too
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        train_sampling_strategy="sequential",
        seed=config.seed,
        use_cpu=config.device == "cpu",
        ddp_find_unused_parameters=False,
        bf16=uses_bf16(config),
    )


def uses_bf16(config: Any) -> bool:
    """Whether to train in bf16: where asked, or where the GPU has it."""
    import torch

    if config.precision != "auto":
        return bool(config.precision == "bf16")
    return config.device in ("auto", "cuda") and torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def collate(examples: Sequence[dict[str, np.ndarray]]) -> dict[str, Any]:
    """Stack examples into tensors."""
    import torch

    return {name: torch.from_numpy(np.stack([example[name] for example in examples])) for name in examples[0]}


def token_loss(outputs: Any, labels: Any, num_items_in_batch: Any = None, *, masked: bool) -> Any:
    """Mean cross entropy over the tokens of a whole step, of which this batch may be a part.

    Logits are (n_blocks, block_size, n_tokens), or one row a wanted token where ``output_at`` has chosen. Those of a
    causal model are of the token that follows.
    """
    from torch.nn.functional import cross_entropy

    logits = outputs.logits
    if logits.ndim == 2:
        labels = labels[labels != -100]
    elif masked:
        logits, labels = logits[labels != -100], labels[labels != -100]
    else:
        logits, labels = logits[:, :-1], labels[:, 1:]
    total = cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), labels.reshape(-1), reduction="sum")
    count = (labels != -100).sum() if num_items_in_batch is None else num_items_in_batch
    return total / count


class LabTrainer(Trainer):  # type: ignore[misc]
    """A Trainer with masked heads at wanted positions only, frozen first steps, and checkpoints that are whole."""

    def __init__(self, model: Any, *, masked: bool, frozen_steps: int, embeddings: set[str], **options: Any) -> None:
        loss = partial(token_loss, masked=masked)
        super().__init__(model, compute_loss_func=loss, data_collator=collate, **options)
        self.masked, self.frozen_steps = masked, frozen_steps
        self.inner = [parameter for name, parameter in model.named_parameters() if name not in embeddings]
        # Labels of a causal batch are shifted by ``token_loss``, those of a masked one stand where they are.
        self._loss_shifts_labels = not masked

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **options: Any) -> Any:
        """The Trainer's own, with a masked model's head at the positions that are to be guessed."""
        if not self.masked:
            return super().compute_loss(model, inputs, *args, **options)
        wanted = inputs["labels"] != -100
        with output_at(self.accelerator.unwrap_model(model), lambda: wanted):
            return super().compute_loss(model, inputs, *args, **options)

    def training_step(self, *args: Any, **options: Any) -> Any:
        """One forward and backward pass; while the inner layers are frozen their gradients are dropped."""
        loss = super().training_step(*args, **options)
        if self.state.global_step < self.frozen_steps:
            for parameter in self.inner:
                parameter.grad = None
        return loss

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save, mark the folder as complete, and only then let older ones go."""
        folder = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        if self.args.should_save:
            shutil.rmtree(folder, ignore_errors=True)  # a torn one of an earlier attempt
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            (folder / COMPLETE).touch()
            self._drop_older()

    def _drop_older(self) -> None:
        root = Path(str(self.args.output_dir))
        kept = whole_checkpoints(root.parent)[-KEPT_CHECKPOINTS:]
        for folder in root.glob("checkpoint-*"):
            if folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)


class Scorer(TrainerCallback):  # type: ignore[misc]
    """Writes metrics, scores the held-out text, counts training time, and asks for a stop."""

    def __init__(
        self, trainer: LabTrainer, held_out: HeldOutText, recipe: Recipe, watch: Watch, seconds: float
    ) -> None:
        self._trainer, self._held_out, self._recipe, self._watch = trainer, held_out, recipe, watch
        self._seconds, self._begun = seconds, 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Score what the run starts from."""
        if state.global_step == 0:
            self._score(0)

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock, which evaluation and checkpoints do not run."""
        self._begun = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Score if it is time, tell the outside, and see whether to stop."""
        step = state.global_step
        self._seconds += time.perf_counter() - self._begun
        last = step >= self._recipe.steps
        if last or step % self._recipe.eval_every == 0:
            self._score(step)
        if state.is_world_process_zero:
            self._watch.on_step(step)
        if self._agreed(self._watch.stop() if state.is_world_process_zero else False) and not last:
            control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """Keep the mean training loss since the last line; a loss that is no number ends the run."""
        if not logs or "loss" not in logs:
            return
        loss = float(logs["loss"])
        self._write(
            "train", state.global_step, loss, bits_per_byte=loss / math.log(2) / self._watch.bytes_per_token,
            learning_rate=logs.get("learning_rate"), grad_norm=logs.get("grad_norm"),
        )  # fmt: skip
        if not math.isfinite(loss):
            raise TrainingError(
                f"the training loss became {loss} at step {state.global_step}: try a lower learning rate or more warm-up"
            )

    def _score(self, step: int) -> None:
        trainer = self._trainer
        rank, world = trainer.accelerator.process_index, trainer.accelerator.num_processes
        model = trainer.accelerator.unwrap_model(trainer.model)
        wrapped = trainer.model_wrapped if trainer.is_fsdp_enabled else model
        total = self._held_out.nll_sum(model, batch_size=SCORED_AT_ONCE, part=rank, parts=world, forward=wrapped)
        score = score_from_sum(self._summed(total), self._held_out.n_tokens, self._held_out.n_bytes)
        self._write("eval", step, score.loss, bits_per_byte=score.bits_per_byte, perplexity=score.perplexity)

    def _write(self, kind: str, step: int, loss: float, **values: Any) -> None:
        if self._watch.metrics is not None:
            tokens = step * self._recipe.tokens_per_step
            self._watch.metrics.write(
                kind, step=step, tokens=tokens, loss=loss, seconds=round(self._seconds, 3), **values
            )

    def _summed(self, value: float) -> float:
        import torch

        accelerator = self._trainer.accelerator
        if accelerator.num_processes == 1:
            return value
        return float(accelerator.reduce(torch.tensor([value], device=accelerator.device), reduction="sum").item())

    def _agreed(self, stop: bool) -> bool:
        return self._summed(float(stop)) > 0


def train(
    start: Any,
    examples: Any,
    held_out: HeldOutText,
    recipe: Recipe,
    config: Any,
    folder: Path,
    watch: Watch,
    *,
    embeddings: set[str],
    checkpoint: Path | None,
    seconds: float,
) -> bool:
    """Train a model in place.

    Parameters
    ----------
    start : models.SourceModel
    examples : data.Examples
    held_out : HeldOutText
    recipe : Recipe
    config : TrainConfig
    folder : Path
        The run's.
    watch : Watch
    embeddings : set of str
        Parameters that are trained alone in the first ``recipe.frozen_steps``.
    checkpoint : Path, optional
        Go on from here.
    seconds : float
        Training time before that checkpoint.

    Returns
    -------
    bool
        Whether all steps are done; False after a stop.

    Raises
    ------
    TrainingError
        The loss is no number any more, or a batch cannot be shared by the processes.
    """
    trainer = LabTrainer(
        start.model,
        args=arguments(folder, recipe, config),
        train_dataset=examples,
        masked=start.kind == "masked",
        frozen_steps=recipe.frozen_steps,
        embeddings=embeddings,
    )
    trainer.remove_callback(PrinterCallback)  # metrics.jsonl says the same
    trainer.add_callback(Scorer(trainer, held_out, recipe, watch, seconds))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    done = trainer.state.global_step >= recipe.steps
    if done:
        _save(trainer, start.tokenizer, folder / "model")
    return done


def _save(trainer: LabTrainer, tokenizer: Any, out: Path) -> None:
    """The trained model as an ordinary Hugging Face folder, there whole or not at all."""
    partial = out.with_name(".model-partial")
    if trainer.args.should_save:
        shutil.rmtree(partial, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(partial))
    if trainer.args.should_save:
        tokenizer.save_pretrained(partial)
        (partial / "training_args.bin").unlink(missing_ok=True)  # a pickle: of use to nobody, and not to be loaded
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)
