"""Pages for people: frozen models of what is live and what was heard, and templates that show them.

The dashboard renders them into files. Whoever serves pages renders the same models with the same templates.
"""
