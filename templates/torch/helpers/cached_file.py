def cached_file(name, url):
    """The path of a file in Keras's cache; it is downloaded if it is not there."""
    path = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"), "datasets", name)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        print("Downloading data from", url)
        urlretrieve(url, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)
    return path
