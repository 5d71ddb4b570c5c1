"""The translation of tuf's and securesystemslib's errors into ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from securesystemslib.exceptions import Error as SecuresystemslibError
from tuf.api.exceptions import DownloadError, RepositoryError, UnsignedMetadataError
from tuf.api.serialization import DeserializationError, SerializationError

from metadata.errors import MalformedError, UnreachableError, UntrustedError


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
