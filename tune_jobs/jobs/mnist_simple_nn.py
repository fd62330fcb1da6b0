"""The 784-128-10 network on MNIST: ten random configs of three epochs each."""

from tune_jobs import Float, Int, TuneJob, main

job = TuneJob(
    name="mnist_simple_nn",
    model="simple_nn",
    space={
        "learning_rate": Float(0.001, 0.01),
        "batch_size": Int(16, 128),
        "schedule": "cosine",
    },
    metric="val_accuracy",
    mode="max",
    searcher="random",
    scheduler="fifo",
    num_samples=10,
    max_epochs=3,
)

if __name__ == "__main__":
    main(job)
