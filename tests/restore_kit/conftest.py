import shutil
from pathlib import Path

import pytest

from muniment.runbooks.restore.publish_kit import KIT, SCRIPT
from muniment_demo.cloud import Cloud
from tests.restore_kit.kit import Kit, kit_python


@pytest.fixture(scope="session")
def python_of_the_kit() -> Path:
    return kit_python()


@pytest.fixture
def kit(python_of_the_kit: Path, cloud: Cloud, tmp_path: Path) -> Kit:
    folder = tmp_path / "kit"
    folder.mkdir()
    shutil.copy(KIT / SCRIPT, folder)
    return Kit(python_of_the_kit, folder, cloud)
