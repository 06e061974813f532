"""A table of measurements: a square layer, a norm, penalties, smoothed labels, clipped AdamW."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
x = rng.normal(size=(64, 12)).astype("float32")
y = keras.utils.to_categorical(rng.integers(0, 3, 64), 3)

inputs = keras.Input((12,))
h = layers.Dense(12, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01), name="square")(inputs)
h = layers.LayerNormalization(name="norm")(h)
side = layers.Dense(12, activation="tanh", kernel_initializer="he_normal", name="side")(h)
h = layers.Subtract()([h, side])
h = layers.Reshape((4, 3))(h)
h = layers.Softmax(axis=1)(h)
h = layers.Conv1D(6, 2, strides=2, padding="causal", activation="gelu", name="pairs")(h)
h = layers.GlobalMaxPooling1D()(h)
outputs = layers.Dense(3, activation="softmax", name="classes")(h)
model = keras.Model(inputs, outputs)
model.compile(
    keras.optimizers.AdamW(2e-3, weight_decay=0.1, clipnorm=0.5),
    keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
)
model.fit(x, y, batch_size=16, epochs=2)
