"""Pages and figures of runs: report, comparison, dashboard."""
