"""No DAG: while a firm's or a tier's file is broken, this one fails to import, and Airflow's UI shows why at its top.

A broken firm has no DAGs, the other firms have theirs. Tasks never come by here.
"""

from muniment.registry import load_registry

load_registry().require_sound()
