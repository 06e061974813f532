class BinaryAccuracy(Mean):
    """The share of predictions on the right side of one half."""

    def update_state(self, y_true, y_pred):
        super().update_state(((y_pred > 0.5).float() == y_true).float())

    __call__ = update_state
