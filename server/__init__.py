"""The doors: command line, scripts, and the server."""
