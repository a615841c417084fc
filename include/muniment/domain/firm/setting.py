"""What every mapping of the registry's files is made of, and the spellings that several of them share."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict


@dataclass(frozen=True)
class Spelling:
    """A pattern that can say in words what it wants."""

    pattern: str
    meaning: str

    def __call__(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text, re.ASCII):
            message = f"{text!r} is not {self.meaning}"
            raise ValueError(message)
        return text


FirmId = Annotated[
    str,
    AfterValidator(
        Spelling(r"[a-z][a-z0-9-]{1,38}", "an id: 2 to 39 lower-case letters, digits and hyphens, a letter first")
    ),
]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Region = Annotated[str, AfterValidator(Spelling(r"[a-z]{2}(-[a-z]+)+-\d", "an AWS region, such as us-east-1"))]
BucketName = Annotated[
    str,
    AfterValidator(
        Spelling(
            r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
            "a bucket name: 3 to 63 lower-case letters, digits, dots and hyphens",
        )
    ),
]
# No alias: KMS keyrings compare key ARNs when they decrypt, and an alias can be moved to another key.
KeyArn = Annotated[
    str,
    AfterValidator(
        Spelling(
            r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+",
            "the ARN of a KMS key, such as arn:aws:kms:us-east-1:111122223333:key/… (an alias cannot decrypt)",
        )
    ),
]
ConnectionId = Annotated[
    str, AfterValidator(Spelling(r"[A-Za-z0-9_.-]{1,200}", "a connection id: letters, digits, '_', '.' and '-'"))
]


def iana_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        message = f"{name!r} is not a time zone of the IANA database, such as America/Chicago"
        raise ValueError(message) from None
    return name


TimeZone = Annotated[str, AfterValidator(iana_time_zone)]


class Setting(BaseModel):
    """Immutable and strict about names: a key we do not know is a mistake, not a comment."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AbsolutePath = Annotated[str, AfterValidator(Spelling(r"/.*[^/]", "an absolute path, without a slash at its end"))]
