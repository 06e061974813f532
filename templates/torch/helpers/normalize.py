def normalize(x, axis=-1, order=2):
    """Divides by the norm along an axis; where the norm is 0, by 1."""
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis or -1)
