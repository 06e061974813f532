"""Callbacks. They have no counterpart in PyTorch: they become lines of the training loop.

https://keras.io/api/callbacks/
"""

from __future__ import annotations

from transpile.registry import Op

OPS = (
    Op("early_stopping", "callbacks.EarlyStopping(monitor='val_loss', min_delta=0, patience=0, verbose=0, mode='auto', "
       "baseline=None, restore_best_weights=False, start_from_epoch=0)"),
    Op("model_checkpoint", "callbacks.ModelCheckpoint(filepath, monitor='val_loss', verbose=0, save_best_only=False, "
       "save_weights_only=False, mode='auto', save_freq='epoch', initial_value_threshold=None, period=1)"),
    Op("reduce_lr_on_plateau", "callbacks.ReduceLROnPlateau(monitor='val_loss', factor=0.1, patience=10, verbose=0, "
       "mode='auto', min_delta=0.0001, cooldown=0, min_lr=0.0)", renamed={"epsilon": "min_delta"}),
    Op("learning_rate_scheduler", "callbacks.LearningRateScheduler(schedule, verbose=0)"),
    Op("csv_logger", "callbacks.CSVLogger(filename, separator=',', append=False)"),
    Op("tensor_board", "callbacks.TensorBoard(log_dir='logs', histogram_freq=0, write_graph=True, write_images=False, "
       "write_steps_per_second=False, update_freq='epoch', profile_batch=0, embeddings_freq=0, "
       "embeddings_metadata=None, write_grads=False, batch_size=32, embeddings_layer_names=None, "
       "embeddings_data=None)"),
    Op("terminate_on_nan", "callbacks.TerminateOnNaN(raise_error=False)"),
    Op("backup_and_restore", "callbacks.BackupAndRestore(backup_dir, save_freq='epoch', double_checkpoint=False, "
       "delete_checkpoint=True)"),
    Op("lambda_callback", "callbacks.LambdaCallback(on_epoch_begin=None, on_epoch_end=None, on_train_begin=None, "
       "on_train_end=None, on_train_batch_begin=None, on_train_batch_end=None)",
       renamed={"on_batch_begin": "on_train_batch_begin", "on_batch_end": "on_train_batch_end"}),
)  # fmt: skip
