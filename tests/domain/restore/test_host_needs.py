"""What a machine lacks of languages is told once each, with the databases that need it."""

from typing import Any

from muniment.adapters.host.locales import knows_locale
from muniment.domain.restore.host_needs import missing_locales
from muniment.domain.vault.registers import ClusterDatabase


def database(name: str, **more: Any) -> ClusterDatabase:
    told = {"encoding": "UTF8", "collate": "C", "ctype": "C", "provider": "libc", "is_open": True, **more}
    return ClusterDatabase(name=name, **told)


def test_each_missing_locale_is_told_once_with_its_databases() -> None:
    databases = [
        database("practice", collate="de_DE.UTF-8", ctype="de_DE.UTF-8"),
        database("archive", collate="de_DE.UTF-8"),
        database("closed", collate="fr_FR.UTF-8", is_open=False),
        database("sorted", provider="icu", locale="en-US"),
        database("plain"),
    ]
    assert missing_locales(databases, lambda name: name == "C", has_icu=False) == (
        "de_DE.UTF-8 (of practice, archive)",
        "ICU, which this PostgreSQL was built without, for en-US (of sorted)",
    )
    assert missing_locales(databases, lambda name: True, has_icu=True) == ()


def test_the_c_library_is_asked() -> None:
    assert knows_locale("C.UTF-8")
    assert not knows_locale("xx_XX.UTF-8")
