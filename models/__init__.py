"""What is trained: plain PyTorch and scikit-learn, one file per family of models.

A new model is a file here and a line in this table. Nothing in this folder knows of trials,
searchers or Ray.
"""

MODELS = {
    "batchnorm_net": "models.batchnorm_net:BatchNormNet",
    "boosting": "models.boosting:Boosting",
    "char_gpt": "models.char_gpt:CharGPT",
    "command": "models.command:Command",
    "dcgan": "models.dcgan:DCGAN",
    "digits_cnn": "models.digits_cnn:DigitsCNN",
    "finetune": "models.finetune:Finetune",
    "forest": "models.forest:Forest",
    "lenet5": "models.lenet5:LeNet5",
    "linear": "models.linear:Linear",
    "mlp": "models.mlp:MLP",
    "mnist_cnn": "models.mnist_cnn:MnistCNN",
    "resnet": "models.resnet:ResNet",
    "simple_nn": "models.simple_nn:SimpleNN",
    "tree": "models.tree:Tree",
}
