"""Policies: how a wrapped chain is run: again, or another instead, for so long, or not at all if it is known."""
