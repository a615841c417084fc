"""One rule for "the other vault has it": every answer of the one beside every answer of the other."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from muniment.adapters.store.s3 import S3Store
from muniment.adapters.vault.envelope import local_envelope
from muniment.adapters.vault.fallback import FallbackVault, Substitution
from muniment.adapters.vault.vault import Vault
from muniment.errors import (
    AccessDenied,
    KeyUnusable,
    MunimentError,
    ObjectArchived,
    ObjectDamaged,
    ObjectMissing,
    StoreUnavailable,
    WalSegmentInvalid,
    WrongVault,
)

NOBODY: Any = None
"""Nothing is asked of S3 here: who answers what is the whole of it."""


def vault(bucket: str) -> Vault:
    return Vault("alder", S3Store(bucket, "us-east-1", NOBODY), local_envelope("t", b"k" * 32))


PREFERRED, FALLBACK = vault("preferred"), vault("fallback")


def missing(bucket: str) -> MunimentError:
    return ObjectMissing(key="k", bucket=bucket)


def away(bucket: str) -> MunimentError:
    return StoreUnavailable(service="S3", operation="GetObject", place=bucket, reason="silence")


DAMAGED: dict[str, Callable[[str], MunimentError]] = {
    "damaged": lambda bucket: ObjectDamaged(key="k", bucket=bucket, firm="alder", reason="rot"),
    "another segment": lambda bucket: WalSegmentInvalid(segment="k", reason=bucket),
}
REFUSED: dict[str, Callable[[str], MunimentError]] = {
    "denied": lambda bucket: AccessDenied(service="S3", operation="GetObject", place=bucket, reason="no"),
    "key disabled": lambda bucket: KeyUnusable(key=bucket, reason="disabled"),
    "archived": lambda bucket: ObjectArchived(key="k", bucket=bucket, reason="glacier"),
}
ERRORS = {"missing": missing, "away": away} | DAMAGED | REFUSED


class Asked:
    """What each vault answers; ``None`` is the thing itself."""

    def __init__(self, **answers: Callable[[str], MunimentError] | None) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, asked: Vault) -> str:
        self.asked.append(asked.bucket)
        if (error := self.answers[asked.bucket]) is not None:
            raise error(asked.bucket)
        return f"of {asked.bucket}"


def test_what_preferred_has_is_taken_and_fallback_is_not_asked() -> None:
    vaults, ask = FallbackVault(PREFERRED, FALLBACK), Asked(preferred=None, fallback=missing)
    assert vaults.read("k", ask) == "of preferred"
    assert (ask.asked, vaults.substitutions) == (["preferred"], ())


@pytest.mark.parametrize("first", ERRORS)
def test_whatever_preferred_answers_fallback_helps_out_and_that_is_said_once(first: str) -> None:
    told: list[Substitution] = []
    vaults = FallbackVault(PREFERRED, FALLBACK, told.append)
    for _ in range(2):
        assert vaults.read("k", Asked(preferred=ERRORS[first], fallback=None)) == "of fallback"
    why = ERRORS[first]("preferred").what
    assert told == [Substitution(key="k", bucket="preferred", taken_from="fallback", reason=why)]
    assert vaults.substitutions == tuple(told) == (vaults.substitution("k"),)
    assert vaults.substitution("another") is None


@pytest.mark.parametrize(("first", "second"), list(product(ERRORS, ERRORS)))
def test_where_neither_has_it_preferred_is_heard_unless_it_only_lacks_what_the_other_damaged(
    first: str, second: str
) -> None:
    heard = "fallback" if first == "missing" and second in DAMAGED | REFUSED else "preferred"
    expected = (ERRORS[second] if heard == "fallback" else ERRORS[first])(heard)
    with pytest.raises(type(expected)) as raised:
        FallbackVault(PREFERRED, FALLBACK).read("k", Asked(preferred=ERRORS[first], fallback=ERRORS[second]))
    assert raised.value.what == expected.what


@pytest.mark.parametrize("first", ERRORS)
def test_without_a_fallback_preferred_alone_is_heard(first: str) -> None:
    with pytest.raises(type(ERRORS[first]("preferred"))):
        FallbackVault(PREFERRED, None).read("k", Asked(preferred=ERRORS[first]))


def test_a_fallback_that_is_away_is_asked_once_for_what_is_missing_and_always_for_what_is_damaged() -> None:
    vaults = FallbackVault(PREFERRED, FALLBACK)
    gone = Asked(preferred=missing, fallback=away)
    for _ in range(3):
        with pytest.raises(ObjectMissing):
            vaults.read("k", gone)
    assert gone.asked == ["preferred", "fallback", "preferred", "preferred"]
    assert vaults.read("k", Asked(preferred=DAMAGED["damaged"], fallback=None)) == "of fallback"


@pytest.mark.parametrize("fallback", [None, FALLBACK])
def test_another_firms_vault_helps_nobody(fallback: Vault | None) -> None:
    ask = Asked(preferred=lambda bucket: WrongVault(bucket=bucket, expected="alder", actual="birch"), fallback=None)
    with pytest.raises(WrongVault):
        FallbackVault(PREFERRED, fallback).read("k", ask)
    assert ask.asked == ["preferred"]
