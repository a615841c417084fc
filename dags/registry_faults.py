"""No DAG: while a file of the registry is broken, this one fails to import, and Airflow's UI shows why at its top.

A broken firm has no DAGs, the other firms have theirs. Tasks never come by here.
"""

from muniment.registry.load import load_registry
from muniment.registry.watch_file import require_sound

require_sound(load_registry())
