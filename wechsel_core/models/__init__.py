"""Hugging Face language models: load and save them, read and replace their embeddings."""

from wechsel_core.models.embeddings import input_matrix, install_embeddings, output_bias, output_matrix
from wechsel_core.models.load import ModelKind, SourceModel, load_model, model_kind
from wechsel_core.models.save import save_result_model

__all__ = [
    "ModelKind",
    "SourceModel",
    "input_matrix",
    "install_embeddings",
    "load_model",
    "model_kind",
    "output_bias",
    "output_matrix",
    "save_result_model",
]
