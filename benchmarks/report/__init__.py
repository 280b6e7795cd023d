"""The report, made from the JSON of the measurements alone."""
