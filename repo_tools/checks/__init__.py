"""What would hurt agents, found before it is published.

``facts`` gathers what is live and what is staged, ``trust`` and ``orders`` hold the rules (pure functions,
each with its sentence), ``table`` runs them all.
"""
