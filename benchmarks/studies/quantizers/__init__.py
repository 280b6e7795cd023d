"""What other quantizers would have made of a model, beside what `export` makes."""
