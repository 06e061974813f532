def decode_predictions(preds, top=5):
    """Returns the best classes of each image, as (identifier, name, probability)."""
    path = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"), "models", "imagenet_class_index.json")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        url = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
        urlretrieve(url, path)
    classes = json.loads(path.read_text())
    decoded = []
    for row in np.asarray(preds):
        best = row.argsort()[-top:][::-1]
        decoded.append([(*classes[str(i)], row[i]) for i in best])
    return decoded
