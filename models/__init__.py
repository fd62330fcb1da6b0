"""What is trained: plain PyTorch and scikit-learn, one file per family of models.

A new model is a file here and a line in this table. Nothing in this folder knows of trials,
searchers or Ray.
"""

MODELS = {
    "batchnorm_net": "models.batchnorm_net:BatchNormNet",
    "digits_cnn": "models.digits_cnn:DigitsCNN",
    "lenet5": "models.lenet5:LeNet5",
    "mlp": "models.mlp:MLP",
    "mnist_cnn": "models.mnist_cnn:MnistCNN",
    "simple_nn": "models.simple_nn:SimpleNN",
}
