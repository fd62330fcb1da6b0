"""The declaration of a job, its checks, and the files it comes from."""
