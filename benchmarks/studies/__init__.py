"""Studies that chose something once: crops, layer sensitivity, quantizers, where an int8 graph departs from float."""
