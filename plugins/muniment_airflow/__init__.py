"""Airflow's side of Muniment: DAGs, operators, hooks and notifiers, each thin over a runbook."""
