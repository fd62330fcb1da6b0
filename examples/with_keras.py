"""Keras' `fit`, on torch; a callback reports every epoch.

tune-jobs run examples/with_keras.py
"""

import os

from sklearn.datasets import load_digits

from tune_jobs import Float, Int, TuneJob, main, report, restored, trial


def train(config):
    os.environ["KERAS_BACKEND"] = "torch"  # before Keras is imported, so here and not above
    import keras

    keras.utils.set_random_seed(config.seed)  # its import has drawn random numbers
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    model = built(keras, config)

    def begin(logs):  # fit has built the optimizer, and the random numbers go on from here
        if state := restored():
            for variable, value in zip(variables(model), state, strict=True):
                variable.assign(value)

    def end_epoch(epoch, logs):
        report(logs, state=[variable.numpy() for variable in variables(model)])

    model.fit(
        x[:1200],
        y[:1200],
        validation_data=(x[1200:], y[1200:]),
        batch_size=64,
        initial_epoch=max(0, trial().epoch - 1),
        epochs=config.max_epochs,
        callbacks=[keras.callbacks.LambdaCallback(on_train_begin=begin, on_epoch_end=end_epoch)],
        verbose=0,
    )


def variables(model):
    """Those of the layers, also the random numbers of a Dropout, and of the optimizer."""
    return [*model.variables, *model.optimizer.variables]


def built(keras, config):
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
