"""What an object store tells of what lies in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of one key, or a delete marker over it, as a listing tells it.

    A listing of current objects gives no ``version_id``. ``etag``: the store's own tag of these bytes, without quotes;
    it says whether they are the same, not what they are.
    """

    key: str
    size_bytes: int
    modified_at: datetime
    version_id: str = ""
    etag: str = ""
    is_delete_marker: bool = False
    is_latest: bool = True
    has_sha256: bool = False
    """The store can tell it by HEAD."""

    @property
    def is_current(self) -> bool:
        """Whether this is what GET answers with."""
        return self.is_latest and not self.is_delete_marker


@dataclass(frozen=True, slots=True)
class StoredObject(ObjectVersion):
    """What HEAD tells besides. ``sha256`` (hex, stored bytes): ``None`` where the store keeps none of the whole."""

    sha256: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """How it is served: content type, language and the like."""
    locked_until: datetime | None = None
    is_held: bool = False
    """Under a legal hold, which has no end of its own."""
