"""The Airflow DAGs of some firms, as many as there are files of this kind: which ones, its name says.

Airflow parses files beside each other, so there are several; they differ in their names alone.
"""

from muniment_airflow.firm_dags import dags_of_file

globals().update({dag.dag_id: dag for dag in dags_of_file(__file__)})
