"""Import securesystemslib without the cloud libraries that it looks for.

``securesystemslib.signer`` imports every back end it finds; boto3 alone makes each command start 0.5 s later
(measured). What is hidden here is only hidden during that import: whoever needs it imports it himself.
"""

import importlib
import sys

HIDDEN = ("boto3",)


def load() -> None:
    """Import securesystemslib's signers with the slow back ends out of sight; safe to repeat."""
    if "securesystemslib.signer" in sys.modules:
        return
    absent = [name for name in HIDDEN if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]  # how Python marks a module that must not load
    try:
        importlib.import_module("securesystemslib.signer")
    finally:
        for name in absent:
            del sys.modules[name]
