"""Photos a second on Ray's workers, and what a billion photos cost."""
