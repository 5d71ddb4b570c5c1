"""The gate between two waves: what is known of the one decides about the next.

counting (reports → counts) → verdict (counts → open, wait, ask or halt) → evidence (what is published of it).
"""
