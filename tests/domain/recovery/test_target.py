import pytest

from muniment.domain.recovery.target import RecoveryTarget


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("latest", {}),
        ("immediate", {"recovery_target": "immediate"}),
        ("name:before-import", {"recovery_target_name": "before-import"}),
        ("xid:731", {"recovery_target_xid": "731", "recovery_target_inclusive": "on"}),
        ("16/B374D848", {"recovery_target_lsn": "16/B374D848", "recovery_target_inclusive": "on"}),
        (
            "2026-11-20T02:30:00-06:00",
            {"recovery_target_time": "2026-11-20 08:30:00.000000+00:00", "recovery_target_inclusive": "on"},
        ),
    ],
)
def test_a_target_becomes_postgresqls_settings(text: str, settings: dict[str, str]) -> None:
    target = RecoveryTarget.parse(text)
    assert target.settings() == settings
    assert RecoveryTarget.parse(str(target)) == target


@pytest.mark.parametrize("text", ["latest", "immediate", "xid:731", "name:a:b", "16/B374D848", "2026-11-20T02:30Z"])
def test_another_timeline_than_the_one_that_serves(text: str) -> None:
    target = RecoveryTarget.parse(f"timeline:2:{text}")
    assert target.timeline == 2
    assert target.settings() == RecoveryTarget.parse(text).settings()
    assert RecoveryTarget.parse(str(target)) == target
    assert str(target).startswith("timeline:2:")


@pytest.mark.parametrize(
    "text", ["timeline:2:20261120T083000123Z", "timeline:2:timeline:1:latest", "timeline:0:latest"]
)
def test_a_timeline_goes_before_a_target_that_names_none(text: str) -> None:
    with pytest.raises(ValueError, match="a timeline goes before a target that names none itself"):
        RecoveryTarget.parse(text)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        RecoveryTarget.parse("2026-11-20T02:30:00")


@pytest.mark.parametrize("text", ["", "yesterday", "xid:2", "xid:x", "name:", "name:" + "é" * 32, "16/XY"])
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no target|is not an LSN"):
        RecoveryTarget.parse(text)


def test_a_point_has_to_be_resolved_first() -> None:
    with pytest.raises(ValueError, match="not resolved"):
        RecoveryTarget.parse("20261120T083000123Z").settings()
