"""Callbacks. They have no counterpart in PyTorch: they become lines of the training loop.

https://keras.io/api/callbacks/
"""

from __future__ import annotations

from transpile.registry import Op

# Keras 2's `period` is refused where it is not 1; `period=1` says what is the default.
_OLD = {"period": "save_freq"}

OPS = (
    Op("early_stopping", "callbacks.EarlyStopping(monitor='val_loss', min_delta=0, patience=0, verbose=0, mode='auto', "
       "baseline=None, restore_best_weights=False, start_from_epoch=0)"),
    Op("model_checkpoint", "callbacks.ModelCheckpoint(filepath, monitor='val_loss', verbose=0, save_best_only=False, "
       "save_weights_only=False, mode='auto', save_freq='epoch', initial_value_threshold=None)", renamed=_OLD),
    Op("reduce_lr_on_plateau", "callbacks.ReduceLROnPlateau(monitor='val_loss', factor=0.1, patience=10, verbose=0, "
       "mode='auto', min_delta=0.0001, cooldown=0, min_lr=0.0)", renamed={"epsilon": "min_delta"}),
    Op("learning_rate_scheduler", "callbacks.LearningRateScheduler(schedule, verbose=0)"),
)  # fmt: skip
