"""The steps of an update, one module each, in the order in which they happen."""
