"""The worker: claim, render, send, record."""
