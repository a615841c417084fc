"""Which documents are meant: one, many, those that rows name, or those that are gone."""

from functools import cached_property

from muniment.domain.record import Record


class Selection(Record):
    """Which documents. ``key`` is one, ``prefix`` many, an empty one all; ``deleted_only``: those that are gone now.

    ``names``: these and no others, as a firm's rows have them: keys, or ``s3://bucket/key``.
    """

    bucket: str | None = None
    key: str | None = None
    names: tuple[str, ...] = ()
    prefix: str = ""
    deleted_only: bool = False

    def covers(self, bucket: str, key: str) -> bool:
        if self.bucket not in {None, bucket}:
            return False
        if self.names:
            return key in self._wanted or f"s3://{bucket}/{key}" in self._wanted
        return key == self.key if self.key is not None else key.startswith(self.prefix)

    @cached_property
    def _wanted(self) -> frozenset[str]:
        return frozenset(self.names)

    def __str__(self) -> str:
        if self.names:
            return f"of {len(self.names)} names"
        what = f"{self.key!r}" if self.key is not None else f"below {self.prefix!r}" if self.prefix else "at all"
        where = f" in {self.bucket}" if self.bucket else ""
        return f"{what}{where}{', deleted since' if self.deleted_only else ''}"
