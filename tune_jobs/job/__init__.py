"""The declaration of a job, its checks, and job files."""
