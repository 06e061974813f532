def scale_images(x):
    """Scales images of 0 to 255 to -1 to 1, as torchvision's Inception v3 takes them."""
    return np.asarray(x, dtype="float32") / 127.5 - 1
