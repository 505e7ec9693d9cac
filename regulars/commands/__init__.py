"""The commands, one module per subject; each lists what it offers in COMMANDS."""
