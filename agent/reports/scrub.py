"""Secrets are taken out of what a report says: by what precedes them, and by how they look. Pure."""

import re

HIDDEN = "[hidden]"
_NAMED = re.compile(
    r"""(?ix)
    (\b[\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|credential)
    [\w.-]*["']?\s*[=:]\s*)           # PGPASSWORD=…, "api_key": …, --token=…
    (?:"[^"]*"|'[^']*'|[^\s,;&"']+)
    """
)
_FLAG = re.compile(r"(?i)(--?(?:password|passphrase|secret|token|api-key)\s+)\S+")
_SHAPES = (
    (re.compile(r"(?i)\b(authorization\s*[=:]\s*)(?:\w+\s+)?\S+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@]+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL),
        HIDDEN,
    ),
    (re.compile(r"\A.*-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL), HIDDEN),  # the end of a log has no BEGIN
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{8,16}\b"), HIDDEN),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{8,}\b|\bglpat-[\w-]{8,}|\bxox[baprs]-[\w-]{8,}"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{10,}(?:\.[\w-]*){0,2}"), HIDDEN),
)


def scrub(text: str) -> str:
    """Return a text without what looks like a secret.

    Names that say so (``password=``), HTTP authorisation, user parts of URLs, private keys (RFC 7468), access
    keys of AWS, tokens of GitHub, GitLab and Slack, and JSON Web Tokens (RFC 7519); also a part of one,
    where a line was cut.
    """
    for pattern, instead in _SHAPES:
        text = pattern.sub(instead, text)
    text = _NAMED.sub(rf"\1{HIDDEN}", text)
    return _FLAG.sub(rf"\1{HIDDEN}", text)
