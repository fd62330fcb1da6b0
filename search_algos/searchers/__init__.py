"""The searchers, one file each. A new one is a file here and a line in this table."""

SEARCHERS = {
    "hyperopt": "search_algos.searchers.hyperopt:HyperOptSearch",
    "random": "search_algos.searchers.random:RandomSearch",
}
