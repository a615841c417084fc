"""A secret shows itself to nobody who has not asked."""

from muniment.domain.secret import Secret


def test_a_secret_is_redacted_in_every_printed_form() -> None:
    secret = Secret("hunter2")
    printed = f"{secret} {secret!r} {[secret]}"
    assert "hunter2" not in printed
    assert secret.reveal() == "hunter2"
