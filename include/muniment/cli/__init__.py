"""The `muniment` command: the same runbooks without Airflow."""
