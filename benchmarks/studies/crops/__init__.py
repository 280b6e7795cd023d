"""Which margin and alignment around a detected face is the one that FER2013 has."""
