"""A rollout in simulated time: the real decision and the real gate, over a fleet that is made up.

fleet (who they are) → shard (what some of them do) → run (the clock, the gate, what is published) → picture.
"""
