"""The error tree: texts, exit codes and pickling."""

import pickle

import pytest

from muniment import errors
from tests.support.errors import every_error, with_facts


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_each_error_says_what_happened_what_is_kept_and_what_to_do(kind: type[errors.MunimentError]) -> None:
    what, kept, hint = str(with_facts(kind)).rsplit("\n", 2)
    assert what
    assert not what[0].isupper()
    assert not what.endswith(".")
    assert kept.startswith("KEPT: ")
    assert hint.startswith("HINT: ")
    assert hint.endswith((".", "?"))


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_each_error_survives_pickling(kind: type[errors.MunimentError]) -> None:
    error = with_facts(kind)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_each_error_stands_in_the_tree_that_the_module_draws(kind: type[errors.MunimentError]) -> None:
    assert errors.__doc__ is not None
    assert kind.__name__ in errors.__doc__


def test_a_step_that_deletes_says_what_is_kept_whatever_is_raised_in_it() -> None:
    with pytest.raises(errors.ObjectMissing) as raised, errors.keeping("whatever the plan keeps"):
        raise errors.ObjectMissing(key="a", bucket="b")
    assert "\nKEPT: whatever the plan keeps\n" in str(raised.value)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    with pytest.raises(errors.ObjectMissing) as raised, errors.keeping("outside"), errors.keeping("inside"):
        raise errors.ObjectMissing(key="a", bucket="b")
    assert raised.value.what_is_kept == "inside"


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_what_can_be_raised_while_something_is_deleted_does_not_say_that_nothing_was(
    kind: type[errors.MunimentError],
) -> None:
    """A class's own sentence holds in each of its places: whoever inherits it says no more than that."""
    own = "kept" in vars(kind)
    assert own or "nothing was" not in kind.kept or issubclass(kind, (errors.Refused, errors.Damaged))


def test_a_missing_fact_is_an_error_at_the_place_that_raises() -> None:
    with pytest.raises(KeyError):
        errors.ObjectMissing(key="a")


def test_exit_codes_tell_the_kinds_apart() -> None:
    assert errors.StoreUnavailable.exit_code == 75
    assert errors.WrongCluster.exit_code == 4
    assert errors.WalGap.exit_code == 3
    assert errors.InvalidConfiguration.exit_code == 2
    assert errors.KeyUnusable.exit_code == 1


def test_the_message_of_a_wrong_cluster_word_for_word() -> None:
    error = errors.WrongCluster(firm="acme", connection="acme_pg", actual=2, expected=1)
    assert str(error) == (
        "connection acme_pg of firm acme leads to cluster 2, the firm's cluster is 1\n"
        "KEPT: everything; nothing was read from that cluster and nothing was written\n"
        "HINT: where the cluster was replaced on purpose (pg_upgrade, a dump into a new one): `muniment adopt acme`, "
        "which shows both and asks a second person. Else correct the connection, or cluster.system_identifier in the "
        "firm's file; where both are right, `muniment repair acme --plan` tells whether a vault's firm.json was "
        "changed."
    )


def test_the_message_of_an_old_cluster_that_still_runs_word_for_word() -> None:
    error = errors.ReplacedCluster(firm="acme", connection="pg_wal", actual=1, expected=2, until="2026-11-20 08:00 UTC")
    assert str(error) == (
        "connection pg_wal of firm acme leads to cluster 1, which cluster 2 replaced on 2026-11-20 08:00 UTC\n"
        "KEPT: everything; nothing was read from that cluster and nothing was written\n"
        "HINT: stop that server, or its archive_command, and let the connection lead to the other one; where it is to "
        "serve again, `muniment adopt acme` takes it back."
    )
    assert str(errors.NotAdoptable(firm="acme", actual=2, reason="it is a standby, or recovers still")) == (
        "cluster 2 cannot be adopted by firm acme: it is a standby, or recovers still\n"
        "KEPT: everything: both vaults know the firm's cluster as before\n"
        "HINT: correct what the line names, then make a new plan: `muniment adopt acme --plan FILE`."
    )


def test_a_restore_over_a_cluster_says_that_it_goes_on() -> None:
    interrupted = errors.RestoreInterrupted(place="/srv/main", reason="S3 is away")
    assert interrupted.exit_code == 75
    assert str(interrupted) == (
        "the restore over /srv/main was interrupted when some of its files were overwritten: S3 is away\n"
        "KEPT: every object in the vaults, and what the restore has written; no server starts there until it is"
        " finished\n"
        "HINT: give the same command again: it goes on where it was."
    )


def test_what_stands_in_the_way_of_going_live_is_said_in_full() -> None:
    refused = errors.NotApproved(firm="acme", target="latest", reason="nobody answered in time")
    assert str(refused) == (
        "the restore of firm acme to latest does not go live: nobody answered in time\n"
        "KEPT: everything: the live cluster serves as before, and what is staged stays until its time is over\n"
        "HINT: ask one of restore.approvers, then start the restore again."
    )
    by_command = errors.ActNotApproved(firm="acme", what="matter M-1", reason="eve asked for it")
    assert str(by_command) == (
        "matter M-1 of firm acme is not approved: eve asked for it\n"
        "KEPT: everything: nothing was written\n"
        "HINT: run it without `--approval`: that writes what another one of restore.approvers has to sign, and says"
        " how."
    )
    elsewhere = errors.OtherMachine(firm="acme", staged_on="db-1", here="db-2")
    assert str(elsewhere) == (
        "the restore of firm acme was staged on db-1, this task runs on db-2\n"
        "KEPT: everything: the live cluster was not touched, the staged one waits on db-1\n"
        "HINT: let cluster.live.queue lead to that machine alone, then clear this task."
    )
    assert {refused.exit_code, by_command.exit_code, elsewhere.exit_code} == {4}


def test_what_cannot_be_recorded_is_not_begun_and_what_was_done_is_not_repeated() -> None:
    before = errors.ActNotRecorded(firm="acme", what="matter M-1", reason="S3 is away")
    assert str(before) == (
        "matter M-1 of firm acme is not begun: neither vault takes the record of it: S3 is away\n"
        "KEPT: everything: nothing was written\n"
        "HINT: run the same command when one of the firm's vaults can be reached; the approval is valid as long as it"
        " says."
    )
    after = errors.EndNotRecorded(firm="acme", what="matter M-1", id="20261121T093000000Z")
    assert str(after) == (
        "matter M-1 of firm acme is done, and neither vault takes the record of its end: act 20261121T093000000Z\n"
        "KEPT: what was done, and the record of its beginning, by whom and on whose approval\n"
        "HINT: do not run it again. `muniment acts acme` says that 20261121T093000000Z did not finish: note beside it"
        " that it did."
    )
    assert (before.exit_code, after.exit_code) == (75, 1)


def test_what_openssh_did_not_sign_is_told() -> None:
    assert str(errors.SignatureNotMade(key="id_rsa", reason="invalid format")) == (
        "ssh-keygen has not signed with id_rsa: invalid format\n"
        "KEPT: everything: nothing was approved\n"
        "HINT: name your key with `--key`, or sign the request on a machine that has it, and bring the `.sig` file."
    )


def test_the_message_of_an_unreachable_target_word_for_word() -> None:
    error = errors.TargetUnreachable(
        firm="acme",
        bucket="acme-vault",
        target="16/B374D848",
        reason="it lies behind the end of the archive",
        before="16/B3000028 (2026-11-20 12:00:00.000005 UTC)",
        after="none",
        windows="\n  16/B0000100 (2026-11-20 08:00:00.000000 UTC) to 16/B4000000 on timeline 1",
    )
    assert str(error) == (
        "firm acme cannot be restored to 16/B374D848 from acme-vault: it lies behind the end of the archive\n"
        "nearest before: 16/B3000028 (2026-11-20 12:00:00.000005 UTC)\n"
        "nearest after: none\n"
        "recovery windows:\n"
        "  16/B0000100 (2026-11-20 08:00:00.000000 UTC) to 16/B4000000 on timeline 1\n"
        "KEPT: everything; nothing was fetched or written\n"
        "HINT: choose one of the nearest by its LSN, or `latest`, or a recovery point's id, "
        "or the other vault with `--from`; what another timeline has is asked for with `timeline:N:` before the target."
    )


def test_the_message_of_a_missed_target_word_for_word() -> None:
    error = errors.TargetNotReached(
        firm="acme", target="latest", plan="20261121T083000123Z", differences="it followed timeline 1, not 2"
    )
    assert str(error) == (
        "the recovery of firm acme to latest did not end where plan 20261121T083000123Z said: "
        "it followed timeline 1, not 2\n"
        "KEPT: the vaults, and every cluster but the one that was restored; that one must not be used\n"
        "HINT: look into the restored server's log, make a new plan, and restore again."
    )


def test_a_number_has_its_noun_and_its_verb() -> None:
    one = errors.InvalidRequest(count=1, faults="a").what, errors.PlanOutdated(**_GONE, count=1).what
    two = errors.InvalidRequest(count=2, faults="a\nb").what, errors.PlanOutdated(**_GONE, count=2).what
    assert one == (
        "1 fault in what was asked for:\na",
        "object k is missing from b: 1 object that plan p of firm acme needs is not there any more",
    )
    assert two == (
        "2 faults in what was asked for:\na\nb",
        "object k is missing from b: 2 objects that plan p of firm acme needs are not there any more",
    )


_GONE = {"key": "k", "bucket": "b", "plan": "p", "firm": "acme", "place": "/data"}


def test_who_is_denied_is_led_to_the_page_of_what_was_done() -> None:
    assert str(errors.RightMissing(firm="acme", reason="permission denied for database practice")) == (
        "postgresql of firm acme denied it: permission denied for database practice\n"
        "KEPT: every recovery point that is registered\n"
        "HINT: grant it to the connection's role: `muniment check acme` tells what one needs that backs up,"
        " docs/iam/postgres-restore-role.sql what one needs that writes to the live cluster."
    )
    assert str(errors.LiveDocumentsDenied(service="s3", operation="PutObject", place="papers/a.pdf", reason="no")) == (
        "s3 denied PutObject on papers/a.pdf: no\n"
        "KEPT: every version of the live documents: what was put back is a new one over them, all else is as it was\n"
        "HINT: work under docs/iam/restore-documents.json for as long as it takes, then carry out the same plan again."
    )
    assert errors.NoSuchDocument(firm="acme", selection="'nix'", at="noon").what_to_do == (
        "a key is spelled exactly, with its case; list what there was with `muniment documents acme --prefix … --at T`."
    )
