"""Writes digits.csv: a line per example, with its split, its class, and 64 pixels from 0 to 16."""

from pathlib import Path

from tune_jobs.models import data

with Path(__file__).with_name("digits.csv").open("w") as file:
    for split in ("train", "validation", "test"):
        images, classes = data.load("digits", split)
        for image, label in zip(images, classes, strict=True):
            print(split, label, *image.flatten(), sep=",", file=file)
