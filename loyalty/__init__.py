"""Use cases: one file per verb, one transaction per call."""
