"""Read what the interpreter saw into the IR."""
