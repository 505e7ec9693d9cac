"""Measures the product beside a baseline in the same run; `python -m bench` prints the table."""
