def get_file(fname, origin, cache_subdir="datasets", cache_dir=None):
    """The path of a file in Keras's cache; it is downloaded if it is not there."""
    home = cache_dir or os.environ.get("KERAS_HOME", Path.home() / ".keras")
    path = Path(home, cache_subdir, fname or origin.rpartition("/")[2])
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        print("Downloading data from", origin)
        urlretrieve(origin, path)
    return str(path)
