def load_boston_housing(path="boston_housing.npz", test_split=0.2, seed=113):
    """The housing data, as keras.datasets.boston_housing.load_data() returns them."""
    url = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/boston_housing.npz"
    with np.load(cached_file(path, url)) as data:
        x, y = data["x"], data["y"]
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    split = int(len(x) * (1 - test_split))
    return (x[:split], y[:split]), (x[split:], y[split:])
