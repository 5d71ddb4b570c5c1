"""Reports: what this host says about itself, signed, into a place that cannot answer back.

``flush`` is called when everything else in a tick is done: ``outbox`` says what is due, ``scrub`` takes
secrets out, ``sending`` signs it and brings it there. None of it can fail or delay an update.
"""
