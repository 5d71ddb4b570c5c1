"""Passphrases: from the environment, from a file descriptor, or from a person; never from an argument."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from metadata.errors import UsageError

VARIABLE = "TIDEGATE_PASSPHRASE"
PIN_VARIABLE = "TIDEGATE_PIN"
MAX_BYTES = 4096
SHORTEST = 15
"""NIST SP 800-63B-4, 3.1.1.2, where it is all that protects: a copied file is guessed at without a limit."""
_PIN_HINT = f"set {PIN_VARIABLE}, or run this in a terminal; the console has a field for it"
_HINT = (
    f"set {VARIABLE}, or pass --passphrase-fd N, or run this in a terminal; the console has a field for it"
)

Prompt = Callable[[str, bool], str]
"""Asks a person for a secret: a question, and whether to ask twice."""


@dataclass
class Passphrases:
    """Where passphrases come from in one run; asked once, then remembered until it ends."""

    given: str | None = field(default=None, repr=False)
    """From the environment or a descriptor; used for every key."""
    prompt: Prompt | None = None
    """None when nobody is there to ask."""
    pin: str | None = field(default=None, repr=False)
    """Of a hardware token, from the environment."""
    _known: dict[str, str] = field(default_factory=dict, repr=False)

    def ask(self, name: str) -> str:
        """Return the passphrase of an existing key."""
        return self._find(name, f"passphrase of key {name}")

    def pin_of(self, name: str) -> str:
        """Return the PIN of the token that holds a key; a passphrase is none, and tokens lock after a few."""
        return self.pin if self.pin is not None else self._asked(name, f"PIN of key {name}", _PIN_HINT)

    def choose(self, what: str) -> str:
        """Return the passphrase for new keys.

        Raises:
            UsageError: It is empty or short, or there is nobody to ask.
        """
        chosen = self._find(what, f"new passphrase for {what}", twice=True)
        if not chosen:
            raise UsageError("an empty passphrase protects nothing", "choose one, or say --no-passphrase")
        if len(chosen) < SHORTEST:
            text = f"a passphrase of {len(chosen)} characters is guessed by whoever copies the key"
            raise UsageError(
                text, f"take {SHORTEST} or more (NIST SP 800-63B): four random words are easy to keep"
            )
        return chosen

    def remember(self, name: str, phrase: str) -> None:
        """Use a passphrase that was just chosen for a new key."""
        self._known[name] = phrase

    def _find(self, name: str, question: str, *, twice: bool = False) -> str:
        return self.given if self.given is not None else self._asked(name, question, _HINT, twice=twice)

    def _asked(self, name: str, question: str, hint: str, *, twice: bool = False) -> str:
        if name not in self._known:
            if self.prompt is None:
                raise UsageError(f"no {question}, and nobody to ask", hint)
            self._known[name] = self.prompt(question, twice)
        return self._known[name]


def read_descriptor(number: int) -> str:
    """Return the first line that a file descriptor has.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        with os.fdopen(number, "rb", closefd=False) as file:
            return file.readline(MAX_BYTES).decode().rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read a passphrase from descriptor {number}: {error}", _HINT) from error
