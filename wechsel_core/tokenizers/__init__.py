"""Subword tokenizers: training, and the token table that the transfer works on."""
