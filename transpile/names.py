"""One spelling for each name of the Keras API, whatever era and import it comes from."""

from __future__ import annotations

import re

_ROOTS = re.compile(
    r"^(tensorflow\.(compat\.v[12]\.)?(python\.|contrib\.|_api\.v[12]\.)?keras(\.src|\.api)?|tf_keras"
    r"|keras\.(src|api|_tf_keras\.keras|python)|keras_core)(?=\.|$)"
)
_TENSORFLOW = re.compile(r"^tensorflow(\.compat\.v[12])?(?=\.|$)")
# Old homes of what now lives directly below one module.
_HOMES = (
    (r"keras\.(layers|models|engine)(\.\w+)*\.Input$", r"keras.Input"),
    (
        r"keras\.(layers|legacy\.layers|engine\.topology|engine\.base_layer)(\.\w+)*\.(\w+)$",
        r"keras.layers.\3",
    ),
    (r"keras\.(models|engine(\.\w+)*)\.(Sequential|Model)$", r"keras.\3"),
    (r"keras\.objectives\b", r"keras.losses"),
    (
        r"keras\.utils\.(np_utils|generic_utils|vis_utils|data_utils|layer_utils|all_utils)\.(\w+)$",
        r"keras.utils.\2",
    ),
    (r"keras\.utils\.visualize_util\.plot$", r"keras.utils.plot_model"),
    (r"keras\.optimizers(\.\w+)+\.(\w+)$", r"keras.optimizers.\2"),
    (r"keras\.optimizer_v[12](\.\w+)*\.(\w+)$", r"keras.optimizers.\2"),
    (r"keras\.optimizers\.(adam|sgd|rmsprop|adagrad|adadelta|adamax|nadam)$", None),
    (
        r"keras\.(regularizers|initializers|activations|constraints|callbacks|metrics|losses)\.\w+\.(\w+)$",
        r"keras.\1.\2",
    ),
    (r"keras\.ops\.(numpy|nn|math|core|linalg(?!\.norm$))\.(\w+)$", r"keras.ops.\2"),
    (r"keras\.saving\.(load_model|save_model)$", r"keras.models.\1"),
    (r"keras\.preprocessing\.sequence\.pad_sequences$", r"keras.utils.pad_sequences"),
    (r"keras\.preprocessing(\.image)?\.(load_img|img_to_array|array_to_img|save_img)$", r"keras.utils.\2"),
    (r"keras\.preprocessing(\.\w+)?\.(\w+_dataset_from_(directory|array))$", r"keras.utils.\2"),
)
_HOME_PATTERNS = tuple((re.compile("^" + pattern), new) for pattern, new in _HOMES)
# Functions that `tf.losses` has in TensorFlow 2 only.
_TF2_LOSSES = "(binary|categorical|sparse_categorical)_crossentropy|mse|mae|kld|poisson|hinge|huber|cosine_similarity"
_LOWER = {
    "adam": "Adam", "sgd": "SGD", "rmsprop": "RMSprop", "adagrad": "Adagrad",
    "adadelta": "Adadelta", "adamax": "Adamax", "nadam": "Nadam",
}  # fmt: skip
_CLASSES = {
    "regularizers": {"l1": "L1", "l2": "L2", "l1_l2": "L1L2"},
    "optimizers": _LOWER,
}


def canonical(path: str) -> str:
    """The canonical dotted path: `tensorflow.keras.layers.Dense` is `keras.layers.Dense`.

    TensorFlow's own names come out below `tf.`; other paths stay as they are.
    """
    path = _ROOTS.sub("keras", path)
    path = _TENSORFLOW.sub("tf", path)
    if path.startswith("tf.keras"):
        path = path[3:]
    if path.startswith("tf."):
        return re.sub(rf"^tf\.(losses|optimizers|metrics|initializers)\.(?=[A-Z]|({_TF2_LOSSES})$)", r"keras.\1.", path)
    if not path.startswith("keras."):
        return path
    for pattern, new in _HOME_PATTERNS:
        if new is not None and pattern.match(path):
            path = pattern.sub(new, path)
            break
    head, _, tail = path.rpartition(".")
    section = head.removeprefix("keras.")
    return f"{head}.{_CLASSES.get(section, {}).get(tail, tail)}"
