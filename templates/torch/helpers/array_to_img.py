def array_to_img(x, scale=True):
    """An array of shape (height, width, channels) as an image of PIL's."""
    x = np.asarray(x, dtype="float32")
    if scale:
        x = x - x.min()
        x = x / (x.max() or 1) * 255
    if x.shape[2] == 1:
        return PIL.Image.fromarray(x[:, :, 0].astype("int32" if x.max() > 255 else "uint8"))
    return PIL.Image.fromarray(x.astype("uint8"))
