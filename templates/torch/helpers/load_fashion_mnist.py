def load_fashion_mnist():
    """The images of clothes, as keras.datasets.fashion_mnist.load_data() returns them."""
    splits = []
    for part in ("train", "t10k"):
        arrays = []
        for kind, header in (("images-idx3", 16), ("labels-idx1", 8)):
            name = f"{part}-{kind}-ubyte.gz"
            url = f"https://storage.googleapis.com/tensorflow/tf-keras-datasets/{name}"
            with gzip.open(cached_file(f"fashion-mnist/{name}", url)) as file:
                arrays.append(np.frombuffer(file.read(), np.uint8, offset=header))
        splits.append((arrays[0].reshape(-1, 28, 28), arrays[1]))
    return tuple(splits)
