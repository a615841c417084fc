"""The Airflow DAGs of the firms in shard 6: ``<firm>__backup`` and ``<firm>__wal``, one of each a firm."""

from muniment_airflow.firm_dags import firm_dags

globals().update({dag.dag_id: dag for dag in firm_dags(shard=6)})
