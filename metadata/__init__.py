"""The contract: documents, places and routes, the decision, errors.

Release managers' tools and agents meet only here. Nothing in this package reads a file, a clock, a
network or a random source: time, facts and bytes are arguments.
"""
