"""Lint for chains of LangChain's LCEL: whether they stream, what breaks it, where, and how to mend it."""
