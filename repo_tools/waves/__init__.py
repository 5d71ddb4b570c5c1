"""Who is in which wave: what a person says of it, hosts counted in from the roster, and a rollout's forecast.

``said`` reads what ``--wave`` says, ``filling`` chooses hosts, ``reshaping`` makes it a change of a channel.
"""
