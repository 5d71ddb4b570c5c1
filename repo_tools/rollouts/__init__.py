"""Rollouts: which wave is ordered to run which release, from when, under which conditions.

``state`` reads a channel as it will be once everything staged is published, ``orders`` are the pure
functions that make new orders, and ``staging`` puts them into the tree.
"""
