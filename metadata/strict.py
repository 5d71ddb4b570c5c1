"""Strict decoding of documents: bytes or a signed value in, a frozen struct out, or one of our errors.

Rules: UTF-8 JSON of at most 64 KiB; no duplicate keys; integers below 2**53, no floats; the format's name
and number must be known. Readers in the field ignore fields they do not know, unless the document's
``critical`` list names them (as X.509 and RFC 7515 section 4.1.11 do); release managers' tools refuse all.
"""

import json
from typing import Any, NoReturn, TypeVar

import msgspec

from metadata.errors import MalformedError, NewerFormatError
from metadata.fields import MAX_INTEGER

MAX_BYTES = 65_536
"""The size limit of every document; a real release document is below 4 KiB."""

D = TypeVar("D", bound=msgspec.Struct)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise MalformedError(f"key {twice!r} stands twice")
    return found


def _integer(text: str) -> int:
    if len(text) > len(str(-MAX_INTEGER)) or abs(int(text)) > MAX_INTEGER:
        raise MalformedError("an integer is too large for JSON")
    return int(text)


def _no_float(text: str) -> NoReturn:
    raise MalformedError(f"{text} is not an integer")


_PARSER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_no_float, parse_constant=_no_float
)


def parse(data: bytes, name: str, max_bytes: int = MAX_BYTES) -> Any:
    """Return the JSON value in ``data``; ``name`` says in errors what is read.

    Raises:
        MalformedError: It is no strict JSON, or longer than ``max_bytes``.
    """
    if len(data) > max_bytes:
        raise MalformedError(f"{name} is longer than {max_bytes:,} bytes")
    try:
        value = _PARSER.decode(data.decode())
        msgspec.json.encode(value)  # refuses half a surrogate pair, which no file or terminal can hold
    except MalformedError as error:
        raise MalformedError(f"{name} is malformed: {error.message}") from error
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"{name} is not JSON: {error}") from error
    return value


def decode(data: bytes, kind: type[D], *, refuse_unknown: bool = False) -> D:
    """Return the document in ``data``.

    Raises:
        MalformedError: It is not a document of this kind.
        NewerFormatError: It is, but needs a newer reader.
    """
    return _document(parse(data, title(kind)), kind, refuse_unknown)


def convert(value: Any, kind: type[D], *, refuse_unknown: bool = False) -> D:
    """Return the document that a JSON value holds; the value may come out of signed metadata.

    Raises:
        MalformedError: It is not a document of this kind.
        NewerFormatError: It is, but needs a newer reader.
    """
    _check_exact(value, title(kind))
    return _document(value, kind, refuse_unknown)


def _check_exact(value: Any, name: str) -> None:
    """Hold values that were not read by ``parse`` to its rules; canonical JSON allows large integers."""
    try:
        _refuse_inexact(value)
        size = len(msgspec.json.encode(value))
    except (ValueError, TypeError, RecursionError) as error:
        raise MalformedError(f"{name} is malformed: {error}") from error
    if size > MAX_BYTES:
        raise MalformedError(f"{name} is longer than {MAX_BYTES:,} bytes")


def _refuse_inexact(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError(f"{value} is not an integer")  # noqa: TRY004  # the type is right, the value is not
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise ValueError("an integer is too large for JSON")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _refuse_inexact(inner)


def _document(value: Any, kind: type[D], refuse_unknown: bool) -> D:  # forwarded by name above
    name = title(kind)
    if not isinstance(value, dict):
        raise MalformedError(f"{name} is not a JSON object")
    _check_format(value, kind)
    try:
        document = msgspec.convert(value, kind)
    except (msgspec.ValidationError, MalformedError, RecursionError) as error:
        raise MalformedError(f"{name} is malformed: {error}") from error
    unknown = sorted(unknown_fields(value, document))
    critical = getattr(document, "critical", [])
    if refuse_unknown and unknown:
        raise MalformedError(f"{name} has unknown fields: {', '.join(unknown)}")
    if needed := sorted(set(unknown) & set(critical)):
        raise NewerFormatError(f"{name} needs a newer agent: it relies on {', '.join(needed)}", NEWER)
    return document


NEWER = "this host's Tidegate is too old for what was published; update tidegate-agent first"


def _check_format(value: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    known = kind.__struct_config__.tag
    if not isinstance(known, str):
        return
    found = value.get("format")
    if found == known:
        return
    family = known.partition("/")[0]
    if isinstance(found, str) and found.partition("/")[0] == family and found.partition("/")[2].isdigit():
        raise NewerFormatError(f"{title(kind)} has format {found}: needs a newer agent", NEWER)
    raise MalformedError(f"{title(kind)} has format {found!r}, not {known!r}")


def unknown_fields(value: Any, document: Any, prefix: str = "") -> set[str]:
    """Return the dotted names of fields in ``value`` that ``document`` has no place for."""
    found: set[str] = set()
    if isinstance(document, msgspec.Struct) and isinstance(value, dict):
        config = document.__struct_config__
        places = dict(zip(document.__struct_encode_fields__, document.__struct_fields__, strict=True))
        for key, inner in value.items():
            if key in places:
                found |= unknown_fields(inner, getattr(document, places[key]), f"{prefix}{key}.")
            elif key != config.tag_field:
                found.add(f"{prefix}{key}")
    elif isinstance(document, list | tuple) and isinstance(value, list):
        for inner, part in zip(value, document, strict=False):
            found |= unknown_fields(inner, part, prefix)
    return found


def encode(document: msgspec.Struct) -> bytes:
    """Return the document as it is published: compact JSON, fields in their order, one final newline."""
    return msgspec.json.encode(document) + b"\n"


def to_json(document: msgspec.Struct) -> dict[str, Any]:
    """Return the document as plain JSON values, for signed metadata and for ``--json``."""
    plain: dict[str, Any] = json.loads(msgspec.json.encode(document))
    return plain


def title(kind: type[msgspec.Struct]) -> str:
    """Return what people call a kind of document, such as ``release document``."""
    return str(getattr(kind, "title", kind.__name__.lower()))
