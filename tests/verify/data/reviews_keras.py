"""Classify reviews: embedding, bidirectional LSTM, GRU."""

from keras import layers, models
from keras.datasets import imdb

max_words = 200
(x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=max_words)

model = models.Sequential()
model.add(layers.Embedding(max_words, 8))
model.add(layers.Bidirectional(layers.LSTM(5, return_sequences=True)))
model.add(layers.Dropout(0.3))
model.add(layers.GRU(4))
model.add(layers.Dense(1, activation="sigmoid"))
model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])

print(len(x_train), "reviews")
model.fit(x_train, y_train, epochs=2, batch_size=32)
