"""A LightningModule with Ray's own callback.

tune-jobs run examples/with_lightning.py
"""

import lightning
import torch
from ray import tune
from ray.tune.integration.pytorch_lightning import TuneReportCheckpointCallback
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

from tune_jobs import Float, Int, TuneJob, main


class Digits(lightning.LightningModule):
    def __init__(self, lr, width):
        super().__init__()
        self.lr = lr
        self.net = torch.nn.Sequential(
            torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, 10)
        )

    def training_step(self, batch, index):
        x, y = batch
        return torch.nn.functional.cross_entropy(self.net(x), y)

    def validation_step(self, batch, index):
        x, y = batch
        self.log("val_accuracy", (self.net(x).argmax(1) == y).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), self.lr)


class DigitsData(lightning.LightningDataModule):
    def setup(self, stage):
        x, y = load_digits(return_X_y=True)
        data = TensorDataset(torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y))
        self.parts = random_split(data, [0.8, 0.2], torch.Generator().manual_seed(0))

    def train_dataloader(self):
        return DataLoader(self.parts[0], batch_size=64, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.parts[1], batch_size=512)


def train(config):
    model = Digits(config.lr, config.width)
    trainer = lightning.Trainer(
        max_epochs=config.max_epochs,
        callbacks=[TuneReportCheckpointCallback(filename="last.ckpt", on="train_epoch_end")],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    checkpoint = tune.get_checkpoint()  # when all is built: the random numbers go on from here
    path = f"{checkpoint.path}/last.ckpt" if checkpoint else None
    trainer.fit(model, DigitsData(), ckpt_path=path)


job = TuneJob(
    name="with_lightning",
    model=train,
    space={"lr": Float(1e-4, 1e-1, log=True), "width": Int(8, 128, log=True)},
    metric="val_accuracy",
    mode="max",
    num_samples=20,
    max_epochs=9,
)

if __name__ == "__main__":
    main(job)
