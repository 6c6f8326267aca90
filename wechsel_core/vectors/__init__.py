"""Stores of static word vectors behind one interface (``base.StaticVectors``)."""
