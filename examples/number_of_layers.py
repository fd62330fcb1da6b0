"""The number of layers, and for each layer its units and its dropout.

tune-jobs run examples/number_of_layers.py
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from tune_jobs import Choice, Float, Int, TuneJob, at_least, main, report, restored

MOST_LAYERS = 3


def network(config):
    layers, width = [], 64
    for layer in range(config.layers):
        units = config[f"units_{layer}"]
        layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(config[f"dropout_{layer}"])]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, 10))


def train(config):
    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
    net = network(config)
    optimizer = getattr(torch.optim, config.optimizer)(net.parameters(), lr=config.lr)
    start = 0
    if state := restored():
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["epoch"]

    for epoch in range(start, config.max_epochs):
        net.train()
        for rows in torch.randperm(1200).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            accuracy = (net(x[1200:]).argmax(1) == y[1200:]).float().mean()
        state = {
            "net": net.state_dict(),
            "optimizer": optimizer.state_dict(),
            "epoch": epoch + 1,
        }
        report({"accuracy": accuracy}, state=state)


def of_layer(layer):
    """The hyperparameters of a layer; those of the first layer always exist."""
    when = {"layers": at_least(layer + 1)} if layer else None
    return {
        f"units_{layer}": Int(4, 128, when=when),
        f"dropout_{layer}": Float(0.2, 0.5, when=when),
    }


layers = [of_layer(layer) for layer in range(MOST_LAYERS)]
job = TuneJob(
    name="number_of_layers",
    model=train,
    space={
        "layers": Int(1, MOST_LAYERS),
        **{name: domain for layer in layers for name, domain in layer.items()},
        "optimizer": Choice(["Adam", "RMSprop", "SGD"]),
        "lr": Float(1e-5, 1e-1, log=True),
    },
    metric="accuracy",
    mode="max",
    searcher="optuna",
    scheduler="median",
    num_samples=20,
    max_epochs=10,
)

if __name__ == "__main__":
    main(job)
