def cifar_archive(name, folder):
    """The unpacked folder of a CIFAR archive in Keras's cache."""
    url = f"https://www.cs.toronto.edu/~kriz/{name}.tar.gz"
    datasets = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"), "datasets")
    for path in (datasets / f"{folder}-target" / folder, datasets / folder):
        if path.exists():
            return path
    with tarfile.open(cached_file(f"{folder}-target_archive", url)) as archive:
        archive.extractall(datasets / f"{folder}-target")
    return datasets / f"{folder}-target" / folder


def cifar_images(path, labels):
    """The images (n, 32, 32, 3) and labels (n, 1) of one file."""
    with open(path, "rb") as file:
        data = pickle.load(file, encoding="bytes")
    images = data[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images, np.reshape(data[labels], (-1, 1))
