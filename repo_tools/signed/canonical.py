r"""The bytes that signatures cover: OLPC canonical JSON (TUF specification 4.2.1), made fast.

It differs from sorted JSON in what it escapes: ``"`` and ``\`` alone. Where neither has anything to escape,
which is almost always, both are the same bytes, and sorted JSON is made fifty times faster.
"""

from typing import Any, NoReturn

import msgspec
from securesystemslib.exceptions import FormatError
from securesystemslib.formats import encode_canonical
from tuf.api.metadata import Metadata
from tuf.api.serialization import SerializationError


def canonical(value: Any) -> bytes:
    """Return a JSON value in OLPC canonical form.

    Raises:
        FormatError: It holds more than integers and strings.
    """
    try:
        fast = msgspec.json.encode(value, order="sorted")
    except OverflowError:
        return str(encode_canonical(value)).encode()
    _INTEGERS_ALONE.decode(fast)
    return fast if b"\\" not in fast else str(encode_canonical(value)).encode()


def payload(metadata: Metadata[Any]) -> bytes:
    """Return what the signatures on metadata cover: the library's ``signed_bytes``.

    Raises:
        SerializationError: It holds more than integers and strings.
    """
    try:
        return canonical(metadata.signed.to_dict())
    except FormatError as error:
        raise SerializationError(str(error)) from error


def _no_float(text: str) -> NoReturn:
    raise FormatError(f"{text} is not an integer")


_INTEGERS_ALONE = msgspec.json.Decoder(float_hook=_no_float)
