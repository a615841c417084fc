"""An error's words without what looks like a secret.

Errors of our own tree hold none: a ``Secret`` never shows itself, and connections are named, not quoted. What a library
says in a failed task is anybody's text.
"""

import re

MASK = "***"
_MOST_CHARACTERS, _READ_CHARACTERS = 4000, 20_000
_WORDS = (
    "password|passwd|passphrase|pwd|secret|token|credential|api[_-]?key|access[_-]?key|routing[_-]?key|authorization"
)
_NAMES = rf"(?:{_WORDS})[\w-]{{0,40}}"
_VALUE = r"(?:\"[^\"]*\"|'[^']*'|(?:bearer|basic)\s+\S+|[^\s,;&\"')\]}]+)"
_SECRETS = (
    # postgres://user:secret@host; a secret that was not escaped may have an @ itself
    (re.compile(r"(?<=://)([^\s/:@]{0,100}):\S{1,200}@"), rf"\1:{MASK}@"),
    # password=…, "aws_secret_access_key": "…", X-Amz-Signature=…, Authorization: Bearer …
    (re.compile(rf"(?i)({_NAMES}[\"']?\s{{0,5}}[=:]\s{{0,5}}){_VALUE}"), rf"\1{MASK}"),
    (re.compile(r"(?i)(x-amz-(?:signature|credential|security-token)=)[^\s&]+"), rf"\1{MASK}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    # access key ids, Slack's tokens and webhooks, JSON Web Tokens
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\bxox[a-z]-[\w-]+"), MASK),
    (re.compile(r"(?<=hooks\.slack\.com/services/)\S+"), MASK),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), MASK),
)


def without_secrets(text: str) -> str:
    """The first 4,000 characters: no channel takes more, and no incident needs it."""
    text = text[:_READ_CHARACTERS]
    for pattern, mask in _SECRETS:
        text = pattern.sub(mask, text)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]} …"
