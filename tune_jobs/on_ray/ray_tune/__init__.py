"""Ray Tune's side: our methods in its scripts, its methods and domains in our jobs."""
