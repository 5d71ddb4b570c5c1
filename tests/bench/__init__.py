"""Speed and size, measured against peers on the same machine: ``make bench``."""
