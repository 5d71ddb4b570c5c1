"""Keys: the folder they live in, and the signers that open them.

A key is a public part in ``<name>.json`` (key id, public key, name and the URI of its private part) and,
for keys in files, ``<name>.pem`` beside it. Other kinds (``awskms:``, ``hsm:``) are a ``.json`` with another
URI. Private parts are never printed, logged or passed as arguments; nor are passphrases.
"""

from repo_tools import lean

lean.load()
