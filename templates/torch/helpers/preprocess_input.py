def preprocess_input(x):
    """Scales images of 0 to 255 as torchvision's pretrained networks expect them."""
    mean = np.array([0.485, 0.456, 0.406], dtype="float32")
    deviation = np.array([0.229, 0.224, 0.225], dtype="float32")
    return (np.asarray(x, dtype="float32") / 255 - mean) / deviation
