def iou(outputs, targets, num_classes, classes, ignore_class=None):
    """Intersection over union, averaged over those of the classes that occur."""
    outputs, targets = outputs.flatten().long(), targets.flatten().long()
    kept = (outputs >= 0) & (outputs < num_classes) & (targets >= 0) & (targets < num_classes)
    if ignore_class is not None:
        kept &= targets != ignore_class
    pairs = (targets * num_classes + outputs)[kept]
    counts = pairs.bincount(minlength=num_classes**2).reshape(num_classes, num_classes)
    both = counts.diagonal()
    either = counts.sum(dim=0) + counts.sum(dim=1) - both
    both, either = both[list(classes)], either[list(classes)]
    return ((both / (either + 1e-7)).sum() / ((either > 0).sum() + 1e-7)).item()
