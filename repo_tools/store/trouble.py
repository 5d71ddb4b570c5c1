"""The translation of boto3's errors into ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from metadata.errors import ConflictError, TidegateError, UnreachableError, UnsuitableError, UsageError

_LATER = "try again; what is uploaded stays, and publishing goes on where it stopped"
_RIGHTS = "infra/iam has the statements that each role needs"
_CREDENTIALS = "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or profile in [s3]"
_REGION = "set region, and endpoint when it is not Amazon's S3, in [s3] of tidegate.toml"
NO_CONDITIONS = "use an S3 that knows If-None-Match and If-Match on PUT, or a folder"

_UNSUITABLE = {
    "NoSuchBucket": ("there is no such bucket", "create it, or mend store in tidegate.toml"),
    "AccessDenied": ("these credentials may not do that", _RIGHTS),
    "AllAccessDisabled": ("these credentials may not do that", _RIGHTS),
    "403": ("these credentials may not do that", _RIGHTS),
    "InvalidAccessKeyId": ("the access key is not known there", _CREDENTIALS),
    "SignatureDoesNotMatch": ("the secret key is not the right one", _CREDENTIALS),
    "ExpiredToken": ("the credentials have expired", "log in again"),
    "InvalidToken": ("the session token is not valid", "log in again"),
    "RequestTimeTooSkewed": ("this machine's clock is wrong", "set the clock; S3 allows 15 minutes"),
    "PermanentRedirect": ("the bucket is in another region", _REGION),
    "301": ("the bucket is in another region", _REGION),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", _REGION),
    "InvalidStorageClass": ("the storage class is not known there", "mend storage_class in [s3]"),
    "NotImplemented": ("that store cannot write on a condition", NO_CONDITIONS),
}
_CREDENTIAL_ERRORS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.ProfileNotFound,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
)
_SAID_WRONG = (boto.ParamValidationError, boto.NoRegionError, ValueError)

ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
TAKEN = frozenset({"PreconditionFailed", "412"})
BUSY = frozenset({"ConditionalRequestConflict", "409", "OperationAborted"})


def code(error: ClientError) -> str:
    """Return the name of what S3 answered."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(location: str, what: str) -> Iterator[None]:
    """Raise our errors for boto3's; ``what`` says in words what was being done."""
    try:
        yield
    except ClientError as error:
        raise _answered(error, location, what) from error
    except _CREDENTIAL_ERRORS as error:
        raise UnsuitableError(f"{location}: no credentials to {what}: {error}", _CREDENTIALS) from error
    except _SAID_WRONG as error:
        raise UsageError(f"{location}: cannot {what}: {error}", _REGION) from error
    except BotoCoreError as error:
        raise UnreachableError(f"{location} does not answer, to {what}: {error}", _LATER) from error


def _answered(error: ClientError, location: str, what: str) -> TidegateError:
    name = code(error)
    if name in TAKEN or name in BUSY:
        return ConflictError(f"{location}: somebody else was faster to {what}", "look at what is live")
    if name in _UNSUITABLE:
        reason, hint = _UNSUITABLE[name]
        return UnsuitableError(f"{location}: cannot {what}: {reason}", hint)
    return UnreachableError(f"{location}: cannot {what}: {error}", _LATER)


def unless_absent(ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """Return an answer of boto3's, or None when there is no such object."""
    try:
        return ask()
    except ClientError as error:
        if code(error) in ABSENT:
            return None
        raise
