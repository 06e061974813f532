"""Runs the pure-Python part of model-building code symbolically; never the user's code."""
