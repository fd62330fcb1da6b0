"""Keras' `fit`, on torch; ten lines of a callback report every epoch.

tune-jobs run examples/with_keras.py
"""

import os
import tempfile
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"  # before Keras is imported

import keras
from sklearn.datasets import load_digits

from tune_jobs import Float, Int, TuneJob, main, report, restored


class Report(keras.callbacks.Callback):
    """Reports an epoch, with the whole model as its state."""

    def on_epoch_end(self, epoch, logs=None):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{epoch + 1}.keras"
            self.model.save(path)
            report(logs, state=path)


def built(config):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(config.width, activation="relu"),
            keras.layers.Dropout(config.dropout, seed=config.seed),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(config.lr)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(config):
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    path = restored()
    model = keras.saving.load_model(path) if path else built(config)
    model.fit(
        x[:1200],
        y[:1200],
        validation_data=(x[1200:], y[1200:]),
        batch_size=64,
        initial_epoch=int(path.stem) if path else 0,
        epochs=config.max_epochs,
        callbacks=[Report()],
        verbose=0,
    )


job = TuneJob(
    name="with_keras",
    model=train,
    space={
        "lr": Float(1e-4, 1e-1, log=True),
        "width": Int(8, 128, log=True),
        "dropout": Float(0, 0.5),
    },
    metric="val_accuracy",
    mode="max",
    num_samples=20,
    max_epochs=9,
)

if __name__ == "__main__":
    main(job)
