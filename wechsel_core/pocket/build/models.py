"""The two English pocket models: architecture, training and held-out score."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.evaluation.blocks import mask_blocks, pack_blocks
from wechsel_core.evaluation.language_modeling import HeldOutText
from wechsel_core.tokenizers.training import train_tokenizer

VOCAB_SIZE = 8192
BLOCK_SIZE = {"gpt2": 256, "roberta": 128}
#: 2,048 tokens a step for both.
BATCH_SIZE = {"gpt2": 8, "roberta": 16}
HIDDEN, LAYERS, HEADS = 192, 4, 6
TRAIN_MASK_SHARE = 0.2
#: Step of the GPT-2 training whose token embeddings the RoBERTa starts from. From random embeddings a masked model of
#: this size did not leave the unigram plateau within 2,000 steps (4 million tokens), at three learning rates.
WARM_START_STEP = 1500
#: Two stretches a model: the first follows a linear decay planned over more steps than it makes, the second starts from
#: its float16 checkpoint with a fresh optimiser and decays to zero.
SCHEDULE = {
    "gpt2": {"planned": 4200, "stop": 2000, "learning_rate": 1.5e-3, "cooldown": 1600, "cooldown_rate": 1e-3},
    "roberta": {"planned": 5000, "stop": 2000, "learning_rate": 6e-4, "cooldown": 1500, "cooldown_rate": 5e-4},
}
SPECIAL_TOKENS = {
    "gpt2": {"bos": "<|endoftext|>", "eos": "<|endoftext|>", "unk": "<|endoftext|>"},
    "roberta": {
        "bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>", "cls": "<s>", "sep": "</s>",
    },
}  # fmt: skip


def train_pocket_tokenizer(family: str, lines: Sequence[str]) -> Any:
    """Byte-level BPE with the special tokens of GPT-2 or RoBERTa."""
    tokenizer = train_tokenizer(
        lines, vocab_size=VOCAB_SIZE, special_tokens=SPECIAL_TOKENS[family], sentence_frame=family == "roberta"
    )
    tokenizer.model_max_length = BLOCK_SIZE[family]
    return tokenizer


def new_model(family: str, tokenizer: Any, seed: int) -> Any:
    """A pocket model with random weights: GPT-2 as its family's default, RoBERTa wider, with sinusoid positions.

    RoBERTa's weights come from Normal(0, 0.05): 0.02 is meant for 768 dimensions and leaves the attention of 192 flat.
    Its position embeddings start as sinusoids, from which one head learns "the token before" for all positions at once.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, RobertaConfig, RobertaForMaskedLM

    torch.manual_seed(seed)
    if family == "gpt2":
        return GPT2LMHeadModel(
            GPT2Config(
                vocab_size=len(tokenizer), n_positions=BLOCK_SIZE[family], n_embd=HIDDEN, n_layer=LAYERS, n_head=HEADS,
                resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
                bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
            )
        )  # fmt: skip
    model = RobertaForMaskedLM(
        RobertaConfig(
            vocab_size=len(tokenizer), max_position_embeddings=BLOCK_SIZE[family] + 2, hidden_size=HIDDEN,
            num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=4 * HIDDEN, type_vocab_size=1,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.05,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip
    positions = model.roberta.embeddings.position_embeddings.weight.data
    angles = torch.arange(len(positions))[:, None] * torch.exp(-math.log(1000) * torch.arange(0, HIDDEN, 2) / HIDDEN)
    positions[:, 0::2], positions[:, 1::2] = 0.07 * torch.sin(angles), 0.07 * torch.cos(angles)
    return model


def warm_start(model: Any, tokenizer: Any, early_gpt2: Path) -> int:
    """Give RoBERTa's tokens the embeddings of equal GPT-2 tokens, scaled to its own spread; return how many."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = AutoModelForCausalLM.from_pretrained(early_gpt2, dtype=torch.float32).get_input_embeddings().weight.data
    ids = AutoTokenizer.from_pretrained(early_gpt2).get_vocab()
    rows = model.get_input_embeddings().weight.data
    shared = [(mine, ids[token]) for token, mine in tokenizer.get_vocab().items() if token in ids]
    mine, theirs = (torch.tensor(column) for column in zip(*shared, strict=True))
    rows[mine] = source[theirs] / source.std() * rows.std()
    return len(shared)


def _loss(model: Any, family: str, blocks: np.ndarray, tokenizer: Any, rng: np.random.Generator) -> Any:
    import torch
    from torch.nn.functional import cross_entropy

    if family == "gpt2":
        inputs = torch.from_numpy(blocks)
        logits = model(input_ids=inputs).logits[:, :-1]
        return cross_entropy(logits.reshape(-1, logits.shape[-1]), inputs[:, 1:].reshape(-1))
    masked, labels = mask_blocks(
        blocks,
        mask_id=tokenizer.mask_token_id,
        special_ids=tokenizer.all_special_ids,
        share=TRAIN_MASK_SHARE,
        rng=rng,
    )
    hidden = model.roberta(input_ids=torch.from_numpy(masked)).last_hidden_state
    wanted = torch.from_numpy(labels != -100)
    # The output layer is a third of the work: it runs on the hidden positions alone.
    return cross_entropy(model.lm_head(hidden[wanted]), torch.from_numpy(labels)[wanted])


def train(
    model: Any,
    family: str,
    tokenizer: Any,
    blocks: np.ndarray,
    *,
    steps: int,
    learning_rate: float,
    seed: int,
    stop: int | None = None,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train in place: AdamW(0.9, 0.98), linear warm-up of 10 percent (500 steps at most), linear decay.

    Batches come from a seeded permutation of the blocks, a new one each epoch, so that models with the same
    seed and blocks see the same text in the same order.
    """
    import torch

    rng = np.random.default_rng(seed)
    batch_size = BATCH_SIZE[family]
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.01)
    warmup = max(1, min(500, steps // 10))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, max(0.02, (steps - step) / max(1, steps - warmup)))
    )
    model.train()
    order: np.ndarray = np.empty(0, dtype=np.int64)
    for step in range(1, (stop or steps) + 1):
        if len(order) < batch_size:
            order = np.concatenate([order, rng.permutation(len(blocks))])
        batch, order = order[:batch_size], order[batch_size:]
        loss = _loss(model, family, blocks[batch], tokenizer, rng)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        if on_step:
            on_step(step, loss.item())


def build_english_model(family: str, corpora: Path, out: Path, *, seed: int, resume: bool = False) -> None:
    """Train one English model and write it with its tokenizer and ``training.json`` (curve and scores).

    ``resume`` skips the first stretch when ``out`` already holds its checkpoint.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

    torch.set_num_threads(1)  # two models train side by side on two cores, and one thread repeats bit for bit
    plan = SCHEDULE[family]
    lines = (corpora / "en.train.txt").read_text("utf-8").splitlines()
    heldout_lines = (corpora / "en.heldout.txt").read_text("utf-8").splitlines()[:2000]
    tokenizer = AutoTokenizer.from_pretrained(out) if resume else train_pocket_tokenizer(family, lines)
    blocks, n_bytes = pack_blocks(tokenizer, lines, BLOCK_SIZE[family])
    heldout = HeldOutText(tokenizer, heldout_lines, block_size=BLOCK_SIZE[family], masked=family == "roberta")
    if not resume:
        model = new_model(family, tokenizer, seed)
        record: dict[str, Any] = {
            "family": family, "seed": seed, "schedule": plan, "batch_size": BATCH_SIZE[family],
            "block_size": BLOCK_SIZE[family], "parameters": sum(p.numel() for p in model.parameters()),
            "train_tokens": int(blocks.size), "train_bytes": n_bytes,
            "untrained_bits_per_byte": heldout.score(model).bits_per_byte,
            "unigram_bits_per_byte": heldout.score_unigram(blocks, len(tokenizer)).bits_per_byte,
            "curve": [],
        }  # fmt: skip
        if family == "roberta":
            record["warm_started_tokens"] = warm_start(model, tokenizer, out.parent / "gpt2-early")
        on_step = _Recorder(model, tokenizer, family, heldout, record, out)
        train(
            model, family, tokenizer, blocks, steps=plan["planned"], stop=plan["stop"],
            learning_rate=plan["learning_rate"], seed=seed, on_step=on_step,
        )  # fmt: skip
    record = json.loads((out / "training.json").read_text())
    record["schedule"] = plan
    loader = AutoModelForCausalLM if family == "gpt2" else AutoModelForMaskedLM
    model = loader.from_pretrained(out, dtype=torch.float32)
    recorder = _Recorder(model, tokenizer, family, heldout, record, out, offset=plan["stop"])
    train(
        model, family, tokenizer, blocks, steps=plan["cooldown"], learning_rate=plan["cooldown_rate"],
        seed=seed + 1, on_step=recorder,
    )  # fmt: skip


class _Recorder:
    """Scores and saves a model every 500 steps and at the end of a stretch."""

    def __init__(
        self, model: Any, tokenizer: Any, family: str, heldout: HeldOutText, record: dict, out: Path, offset: int = 0
    ) -> None:
        self.model, self.tokenizer, self.family, self.heldout = model, tokenizer, family, heldout
        self.record, self.out, self.offset = record, out, offset
        plan = SCHEDULE[family]
        self.last = plan["cooldown"] if offset else plan["stop"]
        self.losses: list[float] = []
        self.started = time.time()

    def __call__(self, step: int, loss: float) -> None:
        if not math.isfinite(loss):
            raise FloatingPointError(f"loss is {loss} at step {step}")
        self.losses.append(loss)
        if step % 500 and step != self.last:
            return
        score = self.heldout.score(self.model)
        point = {
            "step": step + self.offset, "train_loss": float(np.mean(self.losses)), "heldout_loss": score.loss,
            "bits_per_byte": score.bits_per_byte, "seconds": round(time.time() - self.started),
        }  # fmt: skip
        self.record["curve"].append(point)
        self.losses.clear()
        print(point, flush=True)
        save(self.model, self.tokenizer, self.record, self.out)
        if self.family == "gpt2" and point["step"] == WARM_START_STEP:
            save(self.model, self.tokenizer, self.record, self.out.with_name("gpt2-early"))


def save(model: Any, tokenizer: Any, record: dict[str, Any], out: Path) -> None:
    """Write weights as float16 (half the download; the loss moves in the fifth digit) and the record."""
    import copy

    import torch

    copy.deepcopy(model).to(torch.float16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "training.json").write_text(json.dumps(record, indent=1))
