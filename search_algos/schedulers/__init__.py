"""The schedulers, one file each. A new one is a file here and a line in this table."""

SCHEDULERS = {
    "asha": "search_algos.schedulers.asha:ASHA",
    "fifo": "search_algos.schedulers.fifo:FIFO",
    "hyperband": "search_algos.schedulers.hyperband:Hyperband",
    "median": "search_algos.schedulers.median:MedianStopping",
    "pbt": "search_algos.schedulers.pbt:PBT",
    "successive_halving": "search_algos.schedulers.successive_halving:SuccessiveHalving",
}
