"""The translation of tuf's and securesystemslib's errors into ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from securesystemslib.exceptions import Error as SecuresystemslibError
from tuf.api.exceptions import DownloadError, RepositoryError, UnsignedMetadataError
from tuf.api.serialization import DeserializationError, SerializationError

from metadata.errors import MalformedError, UnreachableError, UnsuitableError, UntrustedError


@contextmanager
def translated(what: str, hint: str = "") -> Iterator[None]:
    """Raise our errors for the library's; ``what`` says what was being read."""
    try:
        yield
    except UnsignedMetadataError as error:
        raise UntrustedError(f"{what} is not signed by enough of its keys: {error}", hint) from error
    except DeserializationError as error:
        raise MalformedError(f"{what} cannot be read: {error.__cause__ or error}", hint) from error
    except SerializationError as error:
        raise MalformedError(
            f"{what} cannot be signed: it holds more than integers and strings", hint
        ) from error
    except RepositoryError as error:
        raise UntrustedError(f"{what} cannot be trusted: {error}", hint) from error
    except DownloadError as error:
        raise UnreachableError(f"{what} cannot be fetched: {error}", hint) from error
    except SecuresystemslibError as error:
        raise UntrustedError(f"{what}: {error}", hint) from error


@contextmanager
def signing(role: str, key: str) -> Iterator[None]:
    """Raise our error when a key does not sign: a wrong PIN, a token that is gone, a service that refuses."""
    try:
        yield
    except UnsignedMetadataError as error:
        reason = str(error.__cause__ or error) or type(error.__cause__).__name__
        hint = "is its PIN right, its token there, its service in reach?"
        raise UnsuitableError(f"key {key} does not sign {role}: {reason}", hint) from error
