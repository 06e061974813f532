"""Train a small convnet on digit images."""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras.callbacks import EarlyStopping

num_classes = 10
input_shape = (28, 28, 1)

# Synthetic stand-in for the digits
rng = np.random.default_rng(0)
x_train = rng.random((600, *input_shape)).astype("float32")
y_train = rng.integers(0, num_classes, size=600)
x_test = rng.random((100, *input_shape)).astype("float32")
y_test = rng.integers(0, num_classes, size=100)

model = keras.Sequential(
    [
        layers.Conv2D(32, kernel_size=(3, 3), activation="relu", input_shape=input_shape),
        layers.BatchNormalization(),
        layers.MaxPooling2D(pool_size=(2, 2)),
        # downsample once more, with a learned filter
        layers.Conv2D(64, 3, padding="same", strides=2, activation="relu"),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(num_classes, activation="softmax"),
    ]
)
model.summary()

model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(
    x_train,
    y_train,
    batch_size=128,
    epochs=20,
    validation_split=0.1,
    callbacks=[EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True)],
)

score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
print("Most common prediction:", np.bincount(model.predict(x_test).argmax(axis=1)).argmax())
print("Best epoch:", int(np.argmin(history.history["val_loss"])) + 1)
