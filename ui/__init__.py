"""Streamlit-only helpers of the pages: cached services, page state, figures, tables, token text, widgets."""
