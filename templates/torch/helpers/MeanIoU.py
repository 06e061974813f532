class MeanIoU:
    """Intersection over union of class ids, averaged over the classes that have occurred."""

    def __init__(self, num_classes, ignore_class=None):
        self.num_classes, self.ignore_class = num_classes, ignore_class
        self.reset_state()

    def reset_state(self):
        self.confusion = np.zeros((self.num_classes, self.num_classes), dtype=np.int64)

    def update_state(self, y_true, y_pred):
        y_true, y_pred = np.ravel(y_true).astype(np.int64), np.ravel(y_pred).astype(np.int64)
        kept = (y_true >= 0) & (y_true < self.num_classes) & (y_pred >= 0) & (y_pred < self.num_classes)
        if self.ignore_class is not None:
            kept &= y_true != self.ignore_class
        np.add.at(self.confusion, (y_true[kept], y_pred[kept]), 1)

    def result(self):
        both = self.confusion.diagonal()
        either = self.confusion.sum(axis=0) + self.confusion.sum(axis=1) - both
        return torch.tensor((both / (either + 1e-7)).sum() / ((either > 0).sum() + 1e-7), dtype=torch.float32)

    def get_weights(self):
        return [self.confusion.astype(np.float32)]
