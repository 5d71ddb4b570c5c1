"""Breaks sound documents: as bytes, or as the JSON that they are."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

DEEP = 20_000
"""Levels of nesting: far past what any reader's stack has."""
RAW = (
    *("1e999", "-1e999", "NaN", "-0", "1.5", "9007199254740992", "18446744073709551616"),
    *("9" * 400, "9" * 5_000, "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP),
    *('{"a": 1, "a": 2}', '"\\ud800"', '"\\u0000"', "[]", "{}", '""', "null", "true", "0", "-1"),
    *("[null]", "[[]]", "-9223372036854775809"),
)
"""JSON that programs stumble over, as it is written: two of a key, half a character, what has no end."""
TEXTS = (
    *(
        "",
        "\0",
        "..",
        "../../etc/passwd",
        "/",
        "a" * 70_000,
        "\u0663",
        "\uff11",
        "\ufb01",
        "e\u0301",
        "\u202e",
    ),
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2026-11-22T12:00:00", "2026-02-30T12:00:00Z"),
    *("1.0.0\n", "1!1.0", ">=1,<", "==1.*", "tidegate.order/2", "tidegate.order/\u0662", "https://["),
    *("=?utf-8?q?=00?=", "%00", "%", "file:///", "-----BEGIN PUBLIC KEY-----", "ed25519", "00" * 32, "zz"),
    *("\ufeff", "\x1b[2J", "http://\udcff"),
)
"""Text that is taken for something else, or for nothing."""
PIECES = (
    *(piece.encode(errors="surrogatepass") for piece in (*RAW, *TEXTS)),
    *(b"\xff\xfe", b"\xff" * 64, b"\0" * 512, b"PK\x05\x06", b"PK\x01\x02", b"a." * 500, b"\r\n", b"'''"),
)


def mutated(seed: bytes, random: Random) -> bytes:
    """Return a document with some things wrong about it; the same for the same random numbers."""
    data = seed
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        data = _json(data, random) if random.random() < 0.8 else _bytes(data, random)
    return data


def _bytes(data: bytes, random: Random) -> bytes:
    """Change some bytes."""
    start = random.randrange(len(data) + 1)
    end = min(len(data), start + random.choice((0, 1, 1, 2, 4, 16, 512)))
    way = random.randrange(6)
    if way == 0:
        return data[:start]
    if way == 1:
        return data[:start] + random.choice(PIECES) + data[end:]
    if way == 2:
        return data[:start] + random.randbytes(end - start) + data[end:]
    if way == 3:
        return data[:start] + data[end:]
    if way == 4:
        return data[:start] + data[start:end] * random.choice((2, 3, 100)) + data[end:]
    return data[:start] + bytes([random.randrange(256)]) + data[start + 1 :]


def _json(data: bytes, random: Random) -> bytes:
    """Change a value inside; what is no JSON is changed as bytes."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return _bytes(data, random)
    holder = [value]
    places = list(_places(holder))
    inside, key = random.choice(places)
    raw = _change(inside, key, random, places)
    text = json.dumps(holder[0], ensure_ascii=random.random() < 0.5)
    return text.replace(json.dumps(_MARK), raw).encode(errors="surrogatepass")


_MARK = "\u2042 here \u2042"
"""Stands where something is written that no JSON writer would."""


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container with every key in it."""
    waiting = [value]
    while waiting:
        inside = waiting.pop()
        keys = inside if isinstance(inside, dict) else range(len(inside))
        for key in keys:
            yield inside, key
            if isinstance(inside[key], dict | list):
                waiting.append(inside[key])


def _change(inside: Any, key: Any, random: Random, places: list[tuple[Any, Any]]) -> str:
    """Change one value, and return what is to be written where the mark stands."""
    way = random.randrange(8)
    if way == 0 and isinstance(inside, dict):
        del inside[key]
    elif way == 1 and isinstance(inside, dict):
        inside[random.choice((*TEXTS, "critical", "format", "x-unknown"))] = inside[key]
    elif way == 2:
        other, its = random.choice(places)
        inside[key] = json.loads(json.dumps(other[its]))  # a copy: a value inside of itself has no end
    elif way == 3:
        inside[key] = random.choice(TEXTS)
    elif way == 4 and isinstance(inside[key], list):
        inside[key] = inside[key] * random.choice((2, 200))
    elif way == 5:
        inside[key] = [inside[key]]
    elif way == 6 and isinstance(inside[key], str):
        inside[key] = inside[key] + random.choice(TEXTS)
    else:
        inside[key] = _MARK
    return random.choice(RAW)
