"""What adapting predictions to another population gives."""
