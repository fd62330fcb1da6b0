"""What is trained: plain PyTorch and scikit-learn, one file per family of models.

A new model is a file here and a line in this table. Nothing in this folder knows searchers,
schedulers or Ray.
"""

MODELS = {
    "batchnorm_net": "tune_jobs.models.batchnorm_net:BatchNormNet",
    "boosting": "tune_jobs.models.boosting:Boosting",
    "char_gpt": "tune_jobs.models.char_gpt:CharGPT",
    "command": "tune_jobs.models.command:Command",
    "dcgan": "tune_jobs.models.dcgan:DCGAN",
    "digits_cnn": "tune_jobs.models.digits_cnn:DigitsCNN",
    "finetune": "tune_jobs.models.finetune:Finetune",
    "forest": "tune_jobs.models.forest:Forest",
    "lenet5": "tune_jobs.models.lenet5:LeNet5",
    "linear": "tune_jobs.models.linear:Linear",
    "mlp": "tune_jobs.models.mlp:MLP",
    "mnist_cnn": "tune_jobs.models.mnist_cnn:MnistCNN",
    "resnet": "tune_jobs.models.resnet:ResNet",
    "simple_nn": "tune_jobs.models.simple_nn:SimpleNN",
    "tree": "tune_jobs.models.tree:Tree",
}
