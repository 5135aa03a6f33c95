"""Documents, indexes of them by words and by meaning, and retrievers: any search as a node."""
