"""A name of an option as SQL writes it, which ends a misuse with the way out."""

from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from muniment.domain.sql_names import Identifier, TableName


class SqlName(click.ParamType["Identifier | TableName"]):
    """``kind`` is the class in domain/sql_names.py, imported when a name comes."""

    name = "name"

    def __init__(self, kind: Literal["Identifier", "TableName"]) -> None:
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Identifier | TableName":
        from muniment.domain import sql_names

        kind: type[sql_names.Identifier | sql_names.TableName] = getattr(sql_names, self.kind)
        try:
            return value if isinstance(value, kind) else kind.parse(value)
        except ValueError as misshapen:
            self.fail(str(misshapen), param, ctx)
