"""Publish what is staged: thresholds, checks, files in their order, timestamp last, and read back."""
