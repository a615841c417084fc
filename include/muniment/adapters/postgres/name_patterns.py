"""Names where PostgreSQL's own clients read a pattern: lower case, and asterisks, question marks and dots that mean
something (PostgreSQL documentation, psql, "Patterns")."""


def exactly(name: str) -> str:
    """Quotes take the meaning."""
    return '"' + name.replace('"', '""') + '"'
