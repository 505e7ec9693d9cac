"""Flask: routes and forms, nothing else."""
