"""What anybody can prove from a URL and a root file: the whole published history, with no trust in the store.

``sources`` read it, ``papers`` are its files, ``walk`` collects them, ``proofs`` say who signed, ``rules``
find what does not hold, ``past`` gives the repository back as it was at a time. Nothing here uses the TUF
library that publishes: an auditor reads the signed bytes with other eyes, and keys with securesystemslib.
"""
