"""What models share: recipes, batches, augmentation, folds, devices."""
