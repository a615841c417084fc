"""Every firm, from ``firms/``, ``policies/`` and ``applications/`` below one root, with every fault at once."""

from muniment.registry.faults import Fault
from muniment.registry.load import Registry, default_root, firm_ids, load_firm, load_registry

__all__ = ["Fault", "Registry", "default_root", "firm_ids", "load_firm", "load_registry"]
