"""Whether the vault of a firm that left the registry is still there: as long as it is, it is watched."""

from muniment.adapters.site.site import Side, Site
from muniment.errors import MunimentError


def vault_remains(site: Site, side: Side) -> bool | None:
    """``None``: that cannot be told now, or not with these rights; then it is taken for there. One request."""
    try:
        return site.hasty_store(side).bucket_region() is not None
    except MunimentError:
        return None
