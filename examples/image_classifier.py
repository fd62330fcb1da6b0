"""An image classifier with the width of its two last layers, as in PyTorch's tutorial on tuning.

tune-jobs run examples/image_classifier.py
"""

from functools import partial

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from tune_jobs import Choice, Float, TuneJob, main, report, restored


class Net(nn.Module):
    def __init__(self, l1, l2):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3)
        self.fc1 = nn.Linear(6 * 3 * 3, l1)
        self.fc2 = nn.Linear(l1, l2)
        self.fc3 = nn.Linear(l2, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def load_data(test_size):
    x, y = load_digits(return_X_y=True)
    data = TensorDataset(
        torch.tensor(x / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(y)
    )
    split = torch.Generator().manual_seed(0)
    return random_split(data, [len(data) - test_size, test_size], generator=split)


def train(config, test_size):
    trainset, _ = load_data(test_size)
    split = torch.Generator().manual_seed(1)
    trainset, valset = random_split(trainset, [0.8, 0.2], generator=split)
    trainloader = DataLoader(trainset, batch_size=config.batch_size, shuffle=True)
    valloader = DataLoader(valset, batch_size=100)

    net = Net(config.l1, config.l2)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=config.lr, momentum=0.9)
    start = 0
    if state := restored():
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["epoch"]

    for epoch in range(start, config.max_epochs):
        for inputs, labels in trainloader:
            optimizer.zero_grad()
            criterion(net(inputs), labels).backward()
            optimizer.step()
        state = {
            "net": net.state_dict(),
            "optimizer": optimizer.state_dict(),
            "epoch": epoch + 1,
        }
        report({"loss": loss_on(net, valloader, criterion)}, state=state)


def loss_on(net, loader, criterion):
    with torch.no_grad():
        losses = [criterion(net(inputs), labels).item() for inputs, labels in loader]
    return sum(losses) / len(losses)


def test_accuracy(config, state, test_size):
    _, testset = load_data(test_size)
    net = Net(config.l1, config.l2)
    net.load_state_dict(state["net"])
    with torch.no_grad():
        hits = [net(image[None]).argmax().item() == label for image, label in testset]
    return {"test_accuracy": sum(map(float, hits)) / len(hits)}


job = TuneJob(
    name="image_classifier",
    model=partial(train, test_size=300),
    test=partial(test_accuracy, test_size=300),
    space={
        "l1": Choice([2**i for i in range(2, 9)]),
        "l2": Choice([2**i for i in range(2, 9)]),
        "lr": Float(1e-4, 1e-1, log=True),
        "batch_size": Choice([8, 16, 32]),
    },
    metric="loss",
    mode="min",
    scheduler="asha",
    num_samples=10,
    max_epochs=10,
)

if __name__ == "__main__":
    main(job)
