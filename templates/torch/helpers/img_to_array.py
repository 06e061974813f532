def img_to_array(img, dtype="float32"):
    """An image as an array of shape (height, width, channels)."""
    array = np.asarray(img, dtype=dtype)
    return array[:, :, np.newaxis] if array.ndim == 2 else array
