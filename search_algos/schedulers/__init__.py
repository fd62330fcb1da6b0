"""The schedulers, one file each. A new one is a file here and a line in this table."""

SCHEDULERS = {
    "asha": "tune_jobs.search_algos.schedulers.asha:ASHA",
    "fifo": "tune_jobs.search_algos.schedulers.fifo:FIFO",
    "hyperband": "tune_jobs.search_algos.schedulers.hyperband:Hyperband",
    "median": "tune_jobs.search_algos.schedulers.median:MedianStopping",
    "pbt": "tune_jobs.search_algos.schedulers.pbt:PBT",
    "successive_halving": "tune_jobs.search_algos.schedulers.successive_halving:SuccessiveHalving",
}
