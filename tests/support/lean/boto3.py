"""Stands before the real one in a host's module path: hosts have no boto3, and their ticks do not load it."""

raise ModuleNotFoundError("No module named 'boto3'", name="boto3")
