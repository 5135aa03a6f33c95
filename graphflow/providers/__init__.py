"""Models from somewhere: each in a module of its own, imported when it is asked for."""
