"""Lists the fixtures; each lives in the file that its name says."""

pytest_plugins = [
    "tests.fixtures.cloud",
    "tests.fixtures.clusters",
    "tests.fixtures.sites",
    "tests.fixtures.faults",
    "tests.fixtures.airflow",
    "tests.fixtures.on_call",
]
