def stack_samples(samples):
    """A batch of samples; its strings come in arrays."""
    if isinstance(samples[0], tuple):
        return tuple(map(stack_samples, zip(*samples)))
    return np.array(samples, dtype=object) if isinstance(samples[0], str) else default_collate(samples)
