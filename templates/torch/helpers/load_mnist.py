def load_mnist(path="mnist.npz"):
    """The MNIST digits, as keras.datasets.mnist.load_data() returns them."""
    url = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
    with np.load(cached_file(path, url)) as data:
        return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])
