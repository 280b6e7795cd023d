"""Whether guidance by landmarks helps: ablations of equal budgets."""
