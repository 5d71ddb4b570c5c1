"""The OpenMetrics text format (1.0), as far as gauges need it. Pure."""

from collections.abc import Iterable, Iterator, Mapping

END = "# EOF"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
Labels = Mapping[str, str]


def gauge(name: str, text: str, samples: Iterable[tuple[Labels, str]]) -> Iterator[str]:
    """Yield the lines of a gauge: what it is, and a sample for each set of labels."""
    yield f"# TYPE {name} gauge"
    yield f"# HELP {name} {text}"
    for labels, value in samples:
        inner = ",".join(f'{label}="{one.translate(_ESCAPES)}"' for label, one in labels.items())
        yield f"{name}{{{inner}}} {value}" if inner else f"{name} {value}"
