def load_img(path, color_mode="rgb", target_size=None, interpolation="nearest"):
    """An image in the wanted mode and size (height, width), as PIL gives it."""
    image = PIL.Image.open(path)
    if color_mode != "grayscale":
        image = image.convert(color_mode.upper())
    elif image.mode not in ("L", "I;16", "I"):
        image = image.convert("L")
    if target_size is not None and image.size != (target_size[1], target_size[0]):
        resampling = PIL.Image.Resampling[interpolation.upper()]
        image = image.resize((target_size[1], target_size[0]), resampling)
    return image
