class Passes:
    """Passes of `steps` batches over a loader; each goes on where the one before stopped."""

    def __init__(self, loader, steps):
        self.loader, self.steps, self.rest = loader, steps, None

    def __iter__(self):
        rest = iter(self.loader) if self.rest is None else self.rest
        yield from islice(rest, self.steps)
        ahead = next(rest, None)  # at the end of the data the next pass starts anew
        self.rest = None if ahead is None else chain([ahead], rest)
