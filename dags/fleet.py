"""The Airflow DAG that looks at all firms: fleet__watch."""

from muniment_airflow.fleet_dag import fleet_dags

globals().update({dag.dag_id: dag for dag in fleet_dags()})
