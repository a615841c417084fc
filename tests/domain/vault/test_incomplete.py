"""What a night could not read, as it is named."""

from muniment.domain.vault.incomplete import Incomplete, NotRead


def test_what_is_configured_is_named_before_a_million_documents() -> None:
    lacking = [NotRead(what="document", name=f"b/{number}", reason="closed") for number in range(100)]
    lacking += [NotRead(what=what, name="x", reason="closed") for what in ("table", "secret", "file", "relation file")]
    found = Incomplete.of(lacking)
    assert found is not None
    named = [each.what for each in found.named]
    assert named[:5] == ["relation file", "file", "secret", "table", "document"]
    assert found.lines(2) == ["relation file x: closed", "file x: closed", "and 102 more"]
