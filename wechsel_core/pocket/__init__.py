"""The bundled pocket tier: ``data`` holds it, ``build`` makes it, ``CARD.md`` says what it is."""
