"""Which classifier of scikit-learn, and with which parameters; a function that returns one number.

tune-jobs run examples/which_classifier.py
"""

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

from tune_jobs import Choice, Float, Int, TuneJob, main


def accuracy(config):
    if config.classifier == "SVC":
        classifier = SVC(C=config.svc_c, gamma="auto")
    else:
        classifier = RandomForestClassifier(
            max_depth=config.max_depth, n_estimators=10, random_state=config.seed
        )
    return cross_val_score(classifier, *load_iris(return_X_y=True), cv=3).mean()


job = TuneJob(
    name="which_classifier",
    model=accuracy,
    space={
        "classifier": Choice(["SVC", "forest"]),
        "svc_c": Float(1e-10, 1e10, log=True, when={"classifier": "SVC"}),
        "max_depth": Int(2, 32, log=True, when={"classifier": "forest"}),
    },
    metric="accuracy",
    mode="max",
    searcher="optuna",
    scheduler="fifo",
    num_samples=100,
    max_epochs=1,
)

if __name__ == "__main__":
    main(job)
