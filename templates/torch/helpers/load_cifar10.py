def load_cifar10():
    """The CIFAR-10 images, as keras.datasets.cifar10.load_data() returns them."""
    folder = cifar_archive("cifar-10-python", "cifar-10-batches-py")
    batches = [cifar_images(folder / f"data_batch_{i}", b"labels") for i in range(1, 6)]
    x_train, y_train = (np.concatenate(arrays) for arrays in zip(*batches))
    x_test, y_test = cifar_images(folder / "test_batch", b"labels")
    return (x_train, y_train.astype("uint8")), (x_test, y_test.astype("uint8"))
