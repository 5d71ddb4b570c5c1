"""What people are told while they do other things: events of rollouts, roles and hosts, sent to a webhook.

events (what is published and collected → events) → sending (each once, signed) → posting.
"""
