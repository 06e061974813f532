def place_epsilon(optimizer, *_):
    """Before a step: lets Adam add epsilon before the bias correction, as Keras does."""
    for group in optimizer.param_groups:
        group.setdefault("keras_eps", group["eps"])
        group["keras_step"] = group.get("keras_step", 0) + 1
        group["eps"] = group["keras_eps"] / (1 - group["betas"][1] ** group["keras_step"]) ** 0.5
