"""The room in which signed metadata is read, edited, signed and sealed; the only one that imports ``tuf``.

What leaves this room are frozen views (``views``) and bytes; what comes in are bytes, keys and the time.
Only ``tree.edit`` sets a version or an expiry, except for snapshot and timestamp (``sealing``).
"""

from repo_tools import lean

lean.load()
