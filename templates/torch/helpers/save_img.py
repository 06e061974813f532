def save_img(path, x, file_format=None, scale=True, **kwargs):
    """Writes an array of shape (height, width, channels) to an image file."""
    array_to_img(x, scale=scale).save(path, format=file_format, **kwargs)
