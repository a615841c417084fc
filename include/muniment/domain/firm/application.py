"""What lies in the databases of all firms that run one product: ``applications/<name>.yaml``, and parts of a policy."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from muniment.domain.firm.setting import BucketName, Setting
from muniment.domain.sql_names import Identifier, NamedColumn, NamedIdentifier, NamedTable
from muniment.domain.units import Duration


class ControlTotalsPolicy(Setting):
    """What is counted and summed in the live database and compared after a restore."""

    tables: tuple[NamedTable, ...] = ()
    sums: dict[str, NamedColumn] = Field(default_factory=dict)
    """name → the column."""


class DocumentReference(Setting):
    """A column whose values name documents: by key, or whole as ``s3://bucket/key``. NULL names none."""

    table: NamedTable
    """Of ``cluster.database``."""
    column: NamedIdentifier
    bucket: BucketName | None = None
    """``None``: the key may lie in any of the firm's document buckets."""


class DrillsPolicy(Setting):
    """What a drill proves beyond the control totals. Each query runs read-only in the restored cluster."""

    balances: dict[str, str] = Field(default_factory=dict)
    """name → a query whose one number is 0 at any instant: a ledger that balances."""
    smoke_queries: dict[str, str] = Field(default_factory=dict)
    """name → a query whose one value is true."""
    documents_opened: Annotated[int, Field(ge=0, le=10_000, strict=True)] = 20
    """How many PDF and DOCX files are opened, drawn by lot."""
    sign_off_within: Annotated[Duration, Field(ge=timedelta(days=1), le=timedelta(days=90))] = timedelta(days=14)
    """How long a quarter's drill may wait for a reviewer before on-call is told."""


class MatterLink(Setting):
    """A reference without a foreign key: rows of ``table`` belong to the matter when they name one of its rows."""

    table: NamedTable
    columns: tuple[NamedIdentifier, ...]
    references: NamedTable
    referenced_columns: tuple[NamedIdentifier, ...]


class MattersPolicy(Setting):
    """What one matter is in the firm's database, for a restore of one of them."""

    table: NamedTable | None = None
    """Of ``cluster.database``; ``None``: this firm's restores do not know matters."""
    key: NamedIdentifier = Identifier("id")
    """The column by which people name one."""
    links: tuple[MatterLink, ...] = ()
    shared: tuple[NamedTable, ...] = ()
    """Tables whose rows belong to no matter, even where they name one."""


class Application(Setting):
    """What lies in the databases of all firms that run one product: a schema, where a tier is a promise."""

    control_totals: ControlTotalsPolicy = ControlTotalsPolicy()
    document_references: tuple[DocumentReference, ...] = ()
    drills: DrillsPolicy = DrillsPolicy()
    matters: MattersPolicy = MattersPolicy()
