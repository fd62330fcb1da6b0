"""The schedulers, one file each. A new one is a file here and a line in this table."""

SCHEDULERS = {
    "asha": "search_algos.schedulers.asha:ASHA",
    "fifo": "search_algos.schedulers.fifo:FIFO",
}
