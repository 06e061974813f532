class ReduceLROnPlateau:
    """Multiplies the learning rate by a factor when a value stops improving, by PyTorch's rules."""

    def __init__(
        self, optimizer, mode="min", factor=0.1, patience=10, threshold=1e-4, threshold_mode="rel",
        cooldown=0, min_lr=0, eps=1e-8,
    ):  # fmt: skip
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, cooldown
        self.min_lr, self.eps = min_lr, eps
        self.best = float("inf") if mode == "min" else -float("inf")
        self.bad_epochs = self.cooling = 0

    def is_better(self, value):
        sign = -1 if self.mode == "min" else 1
        relative = self.threshold_mode == "rel"
        limit = self.best * (1 + sign * self.threshold) if relative else self.best + sign * self.threshold
        return value < limit if self.mode == "min" else value > limit

    def step(self, value):
        value = float(value)
        if self.is_better(value):
            self.best, self.bad_epochs = value, 0
        else:
            self.bad_epochs += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.bad_epochs = 0
        if self.bad_epochs > self.patience:
            old = float(self.optimizer.learning_rate)
            new = max(old * self.factor, self.min_lr)
            if old - new > self.eps:
                self.optimizer.learning_rate = new
            self.cooling, self.bad_epochs = self.cooldown, 0
