"""What is trained: plain PyTorch and scikit-learn, one file per family of models.

A new model is a file here and a line in this table. Nothing in this folder knows of trials,
searchers or Ray.
"""

MODELS = {
    "digits_cnn": "models.digits_cnn:DigitsCNN",
    "simple_nn": "models.simple_nn:SimpleNN",
}
