def to_categorical(x, num_classes=None):
    """One-hot rows in float64; labels of shape (n, 1) count as (n,), as in Keras."""
    x = np.array(x, dtype="int64")
    if x.ndim > 1 and x.shape[-1] == 1:
        x = x[..., 0]
    num_classes = num_classes or x.max() + 1
    one_hot = np.zeros((x.size, num_classes))
    one_hot[np.arange(x.size), x.ravel()] = 1
    return one_hot.reshape(*x.shape, num_classes)
