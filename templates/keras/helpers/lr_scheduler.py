class LRScheduler:
    """PyTorch's base of schedulers: sets the learning rate of an optimizer with each step, as `get_lr` says."""

    def __init__(self, optimizer, last_epoch=-1, *_):
        self.optimizer, self.last_epoch = optimizer, last_epoch
        self.base_lrs = [float(optimizer.learning_rate)]
        self.step()

    def step(self, epoch=None):
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self.optimizer.learning_rate = self.get_lr()[0]

    def get_last_lr(self):
        return [float(self.optimizer.learning_rate)]
