"""The front door: command line, settings, wiring. The only room that knows all the others."""
