"""The searchers, one file each. A new one is a file here and a line in this table."""

SEARCHERS = {
    "bayesopt": "tune_jobs.search_algos.searchers.bayesopt:BayesOptSearch",
    "evolution": "tune_jobs.search_algos.searchers.evolution:EvolutionSearch",
    "grid": "tune_jobs.search_algos.searchers.grid:GridSearch",
    "hyperopt": "tune_jobs.search_algos.searchers.hyperopt:HyperOptSearch",
    "optuna": "tune_jobs.search_algos.searchers.optuna:OptunaSearch",
    "random": "tune_jobs.search_algos.searchers.random:RandomSearch",
    "sobol": "tune_jobs.search_algos.searchers.sobol:SobolSearch",
}
