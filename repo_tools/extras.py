"""What a module that is not installed here comes with. Pure."""

from metadata.errors import UnsuitableError

_EXTRAS = {
    "manager": ("boto3", "botocore", "rich"),
    "fleet": ("duckdb", "jinja2", "matplotlib", "pygal", "pytz"),
    "console": ("litestar", "uvicorn"),
    "spark": ("pyspark",),
    "hsm": ("pkcs11",),
}
"""The extras of the package, by the modules that they bring."""


def missing(error: ModuleNotFoundError) -> UnsuitableError | None:
    """Return what to tell a person whose installation lacks an extra; None where it lacks something else."""
    module = (error.name or "").partition(".")[0]
    extra = next((extra for extra, modules in _EXTRAS.items() if module in modules), None)
    if extra is None:
        return None
    text = f"this needs {module}, which is not installed here"
    return UnsuitableError(text, f"pip install 'tidegate[{extra}]'")
