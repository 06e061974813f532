class LearningRateSchedule:
    """Sets the learning rate of an optimizer with each step: to what a function says after so many steps."""

    def __init__(self, optimizer, rate):
        self.optimizer, self.rate, self.steps = optimizer, rate, 0
        optimizer.learning_rate = rate(0)

    def step(self, epoch=None):
        self.steps = self.steps + 1 if epoch is None else epoch
        self.optimizer.learning_rate = self.rate(self.steps)

    def get_last_lr(self):
        return [float(self.optimizer.learning_rate)]
