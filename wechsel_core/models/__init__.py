"""Hugging Face language models: load and save them, read and replace their embeddings."""

from wechsel_core.models.checkpoint import Checkpoint, open_checkpoint
from wechsel_core.models.embeddings import input_matrix, install_embeddings, output_bias, output_matrix
from wechsel_core.models.load import ModelKind, SourceModel, load_model, model_kind
from wechsel_core.models.save import save_result_model
from wechsel_core.models.transplant import Transplant

__all__ = [
    "Checkpoint",
    "ModelKind",
    "SourceModel",
    "Transplant",
    "input_matrix",
    "install_embeddings",
    "load_model",
    "model_kind",
    "open_checkpoint",
    "output_bias",
    "output_matrix",
    "save_result_model",
]
