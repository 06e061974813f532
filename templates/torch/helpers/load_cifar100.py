def load_cifar100(label_mode="fine"):
    """The CIFAR-100 images, as keras.datasets.cifar100.load_data() returns them."""
    folder = cifar_archive("cifar-100-python", "cifar-100-python")
    labels = f"{label_mode}_labels".encode()
    return cifar_images(folder / "train", labels), cifar_images(folder / "test", labels)
