"""Which of pytest's workers runs what: a file is one worker's, and so is the folder whose files share an Airflow."""

from tests.conftest import FilesAndOneFolder


def scope(name: str) -> str:
    return FilesAndOneFolder._split_scope(FilesAndOneFolder.__new__(FilesAndOneFolder), f"tests/{name}::test_it")


def test_one_worker_takes_all_files_that_share_an_airflow() -> None:
    together = {scope(f"dags/running/{name}.py") for name in ("test_real_airflow", "test_restore_dag")}
    apart = {scope(name) for name in ("dags/test_chain.py", "dags/test_firm_dags.py", "demo/test_commands.py")}
    assert (len(together), len(apart)) == (1, 3)
    assert not together & apart
