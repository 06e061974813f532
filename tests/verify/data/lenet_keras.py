import argparse

import keras
from keras import layers, ops


class Net(keras.Model):
    """Maps images (batch, 1, 28, 28) to class logits (batch, num_classes)."""

    def __init__(self, num_classes=10):
        super().__init__()
        self.conv1 = layers.Conv2D(6, 5, padding="same")
        self.conv2 = layers.Conv2D(16, 5)
        self.pool = layers.MaxPooling2D(2)
        self.fc1 = layers.Dense(120)
        self.fc2 = layers.Dense(num_classes)

    def call(self, x):
        x = ops.transpose(x, (0, 2, 3, 1))  # channels last, as Keras convolves
        x = self.pool(ops.relu(self.conv1(x)))
        x = self.pool(ops.relu(self.conv2(x)))
        x = ops.transpose(x, (0, 3, 1, 2))  # channels first, as the weights expect
        x = ops.reshape(x, (ops.shape(x)[0], -1))
        x = ops.relu(self.fc1(x))
        return self.fc2(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--lr", type=float, default=0.01)
    args = parser.parse_args()

    keras.utils.set_random_seed(0)
    images = keras.random.uniform((512, 1, 28, 28))
    labels = keras.random.randint((512,), 0, 10)

    model = Net()
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=args.lr, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )

    model.fit(
        images,
        labels,
        batch_size=64,
        epochs=args.epochs,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: print(f"epoch {epoch}: loss {logs['loss']:.4f}")
            )
        ],
    )

    accuracy = ops.argmax(model(images, training=False), axis=1) == labels
    accuracy = ops.mean(ops.cast(accuracy, "float32"))
    print(f"accuracy {accuracy:.3f}")
    model.save_weights("lenet.weights.h5")


if __name__ == "__main__":
    main()
