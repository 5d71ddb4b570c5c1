"""The hosts that follow the repository: who may enrol, and where their reports go."""
