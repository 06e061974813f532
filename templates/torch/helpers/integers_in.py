def integers_in(data):
    """The single integers in lists, arrays and batches of them."""
    if isinstance(data, (np.ndarray, torch.Tensor)):
        yield from data.ravel().tolist()
    elif isinstance(data, (int, np.integer)):
        yield int(data)
    else:
        for part in data:
            yield from integers_in(part)
