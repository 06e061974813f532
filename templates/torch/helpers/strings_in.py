def strings_in(data):
    """The single strings in lists, arrays and batches of them."""
    if isinstance(data, str):
        yield data
    else:
        for part in data:
            yield from strings_in(part)
