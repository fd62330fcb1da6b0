"""The searchers, one file each. A new one is a file here and a line in this table."""

SEARCHERS = {
    "bayesopt": "search_algos.searchers.bayesopt:BayesOptSearch",
    "evolution": "search_algos.searchers.evolution:EvolutionSearch",
    "grid": "search_algos.searchers.grid:GridSearch",
    "hyperopt": "search_algos.searchers.hyperopt:HyperOptSearch",
    "optuna": "search_algos.searchers.optuna:OptunaSearch",
    "random": "search_algos.searchers.random:RandomSearch",
    "sobol": "search_algos.searchers.sobol:SobolSearch",
}
