"""Every error that Muniment raises on purpose.

::

    MunimentError
    ├── Transient                 the same call may succeed later: retry with backoff
    │   ├── ActNotRecorded            no vault takes the record of an act on what is live: it has not begun
    │   ├── StoreUnavailable          S3, KMS or Secrets Manager did not answer, answered 5xx, or asked us to come again
    │   │   └── TransferBroken            what arrived is not what was sent
    │   ├── CredentialsExpired        a session token is too old
    │   ├── ServerUnavailable         PostgreSQL does not answer, restarts, or dropped the connection
    │   ├── LockNotAvailable          PostgreSQL: another session was in the way
    │   ├── BackupStreamBroken        the base backup stream ended early
    │   ├── WalNotYetArchived         a segment is not in the vault before the deadline
    │   ├── WalNotPushed              S3 did not acknowledge a segment in the time that archive_command has
    │   ├── ChannelFailed             a receiver did not take what it was told
    │   ├── ContactNotTold            nobody at the firm knows yet that its restore was undone
    │   ├── RestoreInterrupted        a restore over a stopped cluster goes on when its command is given again
    │   ├── CutOverInterrupted        a run was killed while nobody was served, and another one went on
    │   ├── SourceChanged             a document version was gone before it was copied
    │   ├── WatchStoreUnavailable     the watch's own store is away, read-only, full, or locked for too long
    │   │   └── WatchStoreNotReady        the store is not there yet, or of an older version: the watch makes it, a reader waits
    │   ├── RunLockLost               nobody knows whether a second run of the same firm is at work
    │   └── AnotherRunIsActive        a second run of the same firm
    └── Permanent                 trying again cannot help: a person has to look
        ├── Refused                   we would touch the wrong thing (exit code 4)
        │   ├── WrongCluster · ReplacedCluster · NotAdoptable · AdoptionNotApproved · WrongVault · UnmarkedVault
        │   ├── VaultNotSafe · CheckFailed · TargetNotEmpty · TargetInUse · ClusterRuns · LayoutNotRestorable
        │   ├── NoSnapshotCovers · NoSuchPoint · LiveDocumentsChanged · TargetUnreachable · BeingExpired
        │   ├── NotApproved · NotStaged · LiveNotReplaceable · AnotherClusterIsLive · CutOverBusy · OtherMachine
        │   │   └── ActNotApproved            nobody but a second person says yes on the command line
        │   ├── ApprovalWanted
        │   ├── StagingBusy · StagingWentLive · NoSuchStaging · NoIsolation
        │   ├── LiveRowsChanged · LedgerOutOfBalance · TablesNotRestorable · RowsRefused
        │   ├── UniqueValueTaken · TablesRefused · DatabaseHeld
        │   └── SourceShrank · NotVerified · NotAReviewer · AlreadySignedOff
        ├── Damaged                   stored bytes are not what was stored (exit code 3)
        │   ├── ObjectDamaged · ObjectMissing · MarkMissing · MarkNotRepairable · PlanOutdated · RestoreHalfDone · RegisterHidden · WalGap
        │   ├── WalHoleFound · WalSegmentInvalid
        │   └── PageChecksumFailed · MemberOutside · ControlFileDamaged · WatchStoreDamaged
        ├── InvalidConfiguration      the registry or the policy is wrong (exit code 2)
        │   ├── NoRegistry                nobody said where the registry is, and no project has one
        │   └── UnknownParameter          a run was triggered with a name that no step knows
        ├── InvalidRequest            a form or an option asks for what cannot be (exit code 2)
        ├── ObjectArchived · NoSuchDocument · DocumentNotRead · NoSuchMatter
        ├── StoreRefused (an answer that we do not know) · AccessDenied · CredentialsUnusable · ClockWrong
        │   └── LiveDocumentsDenied       AccessDenied, where documents are put back
        ├── KeyUnusable · WalConflict · AlreadyRegistered · NothingToRestore · BackupRefused
        ├── TargetNotReached · DrillFailed · SignOffOverdue · WentBack · NotProvenLive
        ├── NobodyServes · NotReached · EndNotRecorded · SignatureNotMade
        ├── SessionRefused · StatementEnded · StatementRefused · RightMissing · ServerReadOnly · ServerDiskFull
        ├── ProgramMissing · ExtensionMissing · LocaleMissing · ProgramFailed · DiskFull · WalFileMissing
        └── WatchStoreTooNew

``PostgresError`` is what has come from PostgreSQL, of either branch.

A message has three parts: what happened, ``KEPT:`` what is still safe, ``HINT:`` what to do next. The text belongs to
the class; whoever raises passes facts by name, so an error pickles and its text can be tested word for word.
"""

import string
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar


class _Worded(string.Formatter):
    """As ``str.format``; and of a number ``{count:fault|faults}`` has it with its noun, ``{count:~is|are}`` the word."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, several, many = format_spec.partition("|")
        if not several:
            return str(super().format_field(value, format_spec))
        word = one.removeprefix("~") if value == 1 else many
        return word if one.startswith("~") else f"{value} {word}"


_WORDED = _Worded()


class MunimentError(Exception):
    """Root of the tree. ``exit_code`` is what the ``muniment`` command ends with."""

    text: ClassVar[str] = "muniment failed"
    # True wherever an error is raised: a class says more only where that is true of each of its places.
    kept: ClassVar[str] = "every recovery point that is registered"
    hint: ClassVar[str] = "see the task log."
    exit_code: ClassVar[int] = 1

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        self.what = _WORDED.vformat(self.text, (), facts)
        self.kept_by_step: str | None = None
        super().__init__(self.what)

    @property
    def what_is_kept(self) -> str:
        """Of the step that deletes or writes over, where it was in one (``keeping``); else its class's."""
        return self.kept_by_step or self.kept.format(**self.facts)

    @property
    def what_to_do(self) -> str:
        return self.hint.format(**self.facts)

    def __str__(self) -> str:
        return f"{self.what}\nKEPT: {self.what_is_kept}\nHINT: {self.what_to_do}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.facts, self.kept_by_step)


def _rebuild(kind: type[MunimentError], facts: dict[str, Any], kept_by_step: str | None) -> MunimentError:
    error = kind(**facts)
    error.kept_by_step = kept_by_step
    return error


@contextmanager
def keeping(kept: str) -> Iterator[None]:
    """For a step that deletes, or writes over: whatever is raised in it, this is what is kept.

    An error of a call knows what its call has left alone, and nothing of what the step around it had done by then.
    """
    try:
        yield
    except MunimentError as error:
        error.kept_by_step = error.kept_by_step or kept
        raise


class Transient(MunimentError):
    """The same call may succeed later. 75 is ``EX_TEMPFAIL`` of sysexits.h."""

    exit_code = 75


class Permanent(MunimentError):
    """Trying again cannot help."""


class StoreUnavailable(Transient):
    """S3, KMS or Secrets Manager timed out, reset the connection or answered 429 or 5xx after all retries."""

    text = "{service} {operation} on {place} did not succeed: {reason}"
    kept = "every recovery point that is registered; what this step had stored is not registered and harms nothing"
    hint = "the step is retried; if it goes on, look at the health of {service} in this region."


class TransferBroken(StoreUnavailable):
    """S3 computed another checksum than we did, or got fewer bytes than it was told."""

    text = "what {service} received in {operation} on {place} is not what was sent: {reason}"
    hint = "the step is retried; if it goes on, look for a proxy on the way, and at this machine's memory and network."


class CredentialsExpired(Transient):
    """A session token ran out while it was used."""

    text = "the credentials for {operation} on {place} have expired, says {service}: {reason}"
    kept = StoreUnavailable.kept
    hint = "the step is retried, and a role gives it new ones; where the connection has a session token, put a new one there."


class PostgresError(MunimentError):
    """What PostgreSQL answered instead of what was asked for, of one branch or the other; ``reason`` quotes no row."""

    text = "postgresql of firm {firm}: {reason}"


class ServerUnavailable(PostgresError, Transient):
    """PostgreSQL does not answer, is starting up or shutting down, has no connection left, or dropped ours."""

    text = "postgresql of firm {firm} is not available: {reason}"
    hint = "the step is retried; if it goes on, check that the server runs and that the connection points at it."


class LockNotAvailable(PostgresError, Transient):
    """Another session held a lock for too long, or the two were in each other's way."""

    text = "postgresql of firm {firm} could not do it beside other sessions: {reason}"
    hint = "the step is retried; if it goes on, look in pg_stat_activity for a transaction that stays open."


class SessionRefused(PostgresError, Permanent):
    """The server runs and lets us in not: user, password, pg_hba.conf, or a database that is not there or is closed."""

    text = "postgresql of firm {firm} refuses the session: {reason}"
    hint = "correct user, password and database of the connection, or the server's pg_hba.conf and the role's right to CONNECT."


class StatementEnded(PostgresError, Permanent):
    """Somebody cancelled it, or a timeout that the server has for this role or database did."""

    text = "postgresql of firm {firm} ended what was asked of it: {reason}"
    hint = "the server's log tells who cancelled it; a timeout is set in postgresql.conf, for the role or for the database."


class RightMissing(PostgresError, Permanent):
    """The role may not do this."""

    text = "postgresql of firm {firm} denied it: {reason}"
    hint = (
        "grant it to the connection's role: `muniment check {firm}` tells what one needs that backs up,"
        " docs/iam/postgres-restore-role.sql what one needs that writes to the live cluster."
    )


class ServerReadOnly(PostgresError, Permanent):
    """A standby, or ``default_transaction_read_only``."""

    text = "postgresql of firm {firm} takes no writes: {reason}"
    hint = "let the connection lead to the primary, and look for default_transaction_read_only of the role or database."


class ServerDiskFull(PostgresError, Permanent):
    """The server's own disk."""

    text = "postgresql of firm {firm} has no space left on its disk: {reason}"
    hint = "free some space on the database's host, then start again."


class StatementRefused(PostgresError, Permanent):
    """An SQLSTATE that we do not know."""

    text = "postgresql of firm {firm} refused what was asked of it: {reason}"
    hint = "look the SQLSTATE up in PostgreSQL's documentation, appendix A; the server's log has the statement."


class ActNotRecorded(Transient):
    """Who changes what is live leaves word of it first, where nobody can take it away."""

    text = "{what} of firm {firm} is not begun: neither vault takes the record of it: {reason}"
    kept = "everything: nothing was written"
    hint = (
        "run the same command when one of the firm's vaults can be reached; the approval is valid as long as it says."
    )


class ChannelFailed(Transient):
    """The receiver refuses it, is not there, or does not answer. ``reason`` quotes no secret."""

    text = "channel {channel} did not take what it was told: {reason}"
    kept = (
        "what there was to tell: the route's next channel is tried, and what none takes is tried again with each pass"
    )
    hint = "look at the channel's connection and at its receiver, then `muniment alerts test --channel {channel}`."


class ContactNotTold(Transient):
    """A restore that was live was undone, and the firm's contact does not know."""

    text = "nobody at firm {firm} could be told that restore {restore} was undone: {reason}"
    kept = "the firm's data; the record of the way back, in both vaults"
    hint = "call {contact}; the watch tries again within the hour, until contact.told_by gets through."


class RestoreInterrupted(Transient):
    """Over a stopped cluster, what passes by itself came when some of its files were overwritten."""

    text = "the restore over {place} was interrupted when some of its files were overwritten: {reason}"
    kept = "every object in the vaults, and what the restore has written; no server starts there until it is finished"
    hint = "give the same command again: it goes on where it was."


class CutOverInterrupted(Transient):
    """What on-call is told of a cut-over whose run was killed while nobody was served. Never raised: it went on."""

    text = (
        "cut-over {id} of firm {firm} was interrupted at step {step!r}: NOBODY WAS SERVED from {since} until this run"
        " went on with it at {at}"
    )
    kept = "both clusters, whole"
    hint = "look at the worker that was lost; `muniment live status {firm}` tells which cluster serves now."


class BackupStreamBroken(Transient):
    """The stream of BASE_BACKUP ended before its end: the server restarted or the connection was lost."""

    text = "the base backup stream of firm {firm} broke after {received_bytes} bytes: {reason}"
    kept = "every registered backup; the chunks of this one are not registered and expire deletes them"
    hint = "the step is retried from the beginning; if it goes on, look at the server's log."


class WalNotYetArchived(Transient):
    """The archiver has not delivered a segment before the deadline."""

    text = "wal segment {segment} of firm {firm} was not in the vault after {waited_s} seconds"
    hint = (
        "look at pg_stat_archiver (last failure: {last_failure}) and at archive_command's errors in the server's log."
    )


class WalNotPushed(Transient):
    """archive_command ran out of time, or was told to end."""

    text = "wal file {segment} of firm {firm} is not known to be in the vault: {reason}"
    kept = "the file in pg_wal: postgresql removes none before archive_command has succeeded"
    hint = "postgresql tries again by itself; if it goes on, look at the health of S3 and KMS in the primary region."


class SourceChanged(Transient):
    """A document version that was listed could not be copied any more: somebody removed it for good in between."""

    text = "document {key} of bucket {bucket} was removed for good, or overwritten without a version, while it was being copied"
    kept = (
        "every document version that any snapshot names; what this step has copied is not registered and harms nothing"
    )
    hint = "the step is retried with a new listing; if it goes on, find out what removes versions from the bucket (a lifecycle rule?)."


class AnotherRunIsActive(Transient):
    """Another run holds the firm's advisory lock."""

    text = "another run is working on firm {firm} (postgresql backend {holder})"
    kept = "everything; this run has not touched anything"
    hint = "wait until it has finished, or stop it, then start this one again."


class RunLockLost(Transient):
    """The session that held the firm's advisory lock is gone, or another backend's: nobody knows who else is at work."""

    text = "the run lock of firm {firm} was lost while this run was at work: {reason}"
    kept = "everything that was registered before; since the lock was lost this run has registered and deleted nothing"
    hint = "the step is retried; if it goes on, find what ends idle sessions between worker and server: a firewall, a proxy or pooler, a failover, or a person."


class WatchStoreUnavailable(Transient):
    """The database that the watch writes to, a file of its own or PostgreSQL."""

    text = "the watch's store {place} does not do what it was asked for: {reason}"
    kept = (
        "every recovery point that is registered; what the watch has written, and nothing of what it was about to write"
    )
    hint = "it is tried again with the next pass; if it goes on, look at that disk's space and rights, or at that server. What the watch shows until then is as old as it says."


class WatchStoreNotReady(WatchStoreUnavailable):
    """For whoever only reads: the watch makes the store and brings it to its version."""

    text = "the watch's store {place} {fault}"
    kept = "everything: nothing was read from it, nothing was written"
    hint = "the next pass of the watch makes it, or brings it to this version: look whether the DAG fleet__watch runs, and with the same Muniment and the same watch.yaml as whoever reads here."


class StoreRefused(Permanent):
    """An answer whose code we do not know."""

    text = "{service} refused {operation} on {place}: {reason}"
    kept = StoreUnavailable.kept
    hint = "look the code up among {service}'s error responses; compare the bucket's region with the firm's file."


class AccessDenied(StoreRefused):
    """The credentials may not do this."""

    text = "{service} denied {operation} on {place}: {reason}"
    hint = "compare the role's policy with docs/iam/."


class LiveDocumentsDenied(AccessDenied):
    """The credentials may not put documents back into the live buckets."""

    kept = "every version of the live documents: what was put back is a new one over them, all else is as it was"
    hint = "work under docs/iam/restore-documents.json for as long as it takes, then carry out the same plan again."


class CredentialsUnusable(StoreRefused):
    """There are none, or nobody knows them."""

    text = "{service} cannot be asked for {operation} on {place}: {reason}"
    hint = "correct login and password of the AWS connection, or give this machine a role."


class ClockWrong(StoreRefused):
    """A signed request is valid for 15 minutes."""

    text = "{service} refused {operation} on {place}, because this machine's clock is wrong: {reason}"
    hint = "set the clock (`timedatectl`, `chronyc tracking`), then start again."


class KeyUnusable(Permanent):
    """The firm's KMS key is disabled, pending deletion, of another kind, or not there."""

    text = "key {key} cannot be used: {reason}"
    hint = "enable the key or cancel its deletion: without it nothing new can be stored and, if both keys are lost, nothing be read."


class ObjectArchived(Permanent):
    """The object is in an archive storage class and has to be restored before it can be read or copied."""

    text = "object {key} in {bucket} is archived and cannot be read: {reason}"
    hint = "restore it with `aws s3api restore-object`, then run this again."


class NoSuchDocument(Permanent):
    """Nothing that was asked for was there at that instant."""

    text = "firm {firm} had no document {selection} at {at}"
    kept = "everything; nothing was fetched or written"
    hint = "a key is spelled exactly, with its case; list what there was with `muniment documents {firm} --prefix … --at T`."


class DocumentNotRead(Permanent):
    """It was there at that instant, and the night could not read it."""

    text = (
        "no document {selection} that firm {firm} had at {at} is in the vault: it could not be read then:\n{documents}"
    )
    kept = "everything; nothing was fetched or written"
    hint = "take an instant before, `--at` of an earlier night; or fetch it from the firm's own bucket, with the key that it is under."


class NoSuchMatter(Permanent):
    """The staged cluster has no such row."""

    text = "firm {firm} had no matter {matter} in {table}.{key} at that instant{now}"
    kept = "everything; nothing was written"
    hint = "the value is spelled as PostgreSQL prints it; choose another instant if it was made later."


class Refused(Permanent):
    """Going on would touch the wrong thing, or delete what must stay."""

    exit_code = 4


class WrongCluster(Refused):
    """The connection leads to a cluster with another system identifier."""

    text = "connection {connection} of firm {firm} leads to cluster {actual}, the firm's cluster is {expected}"
    kept = "everything; nothing was read from that cluster and nothing was written"
    hint = (
        "where the cluster was replaced on purpose (pg_upgrade, a dump into a new one): `muniment adopt {firm}`, which "
        "shows both and asks a second person. Else correct the connection, or cluster.system_identifier in the firm's "
        "file; where both are right, `muniment repair {firm} --plan` tells whether a vault's firm.json was changed."
    )


class ReplacedCluster(WrongCluster):
    """It was the firm's until another one was adopted, and runs still, or again."""

    text = (
        "connection {connection} of firm {firm} leads to cluster {actual}, which cluster {expected} replaced on {until}"
    )
    hint = (
        "stop that server, or its archive_command, and let the connection lead to the other one; where it is to serve "
        "again, `muniment adopt {firm}` takes it back."
    )


class NotAdoptable(Refused):
    """The cluster behind the connection cannot take the old one's place, or not on this plan."""

    text = "cluster {actual} cannot be adopted by firm {firm}: {reason}"
    kept = "everything: both vaults know the firm's cluster as before"
    hint = "correct what the line names, then make a new plan: `muniment adopt {firm} --plan FILE`."


class WrongVault(Refused):
    """The bucket's firm.json names another firm."""

    text = "bucket {bucket} is the vault of {actual}, not of {expected}"
    kept = "everything; nothing was written"
    hint = (
        "correct vaults in the firm's file; a vault is never shared and never handed over. Where the bucket is right and "
        "its firm.json was changed: `muniment repair FIRM`."
    )


class UnmarkedVault(WrongVault):
    """It holds something and no firm.json: a stranger's bucket, or a vault whose mark somebody removed."""

    text = "bucket {bucket} holds objects, and there is no firm.json that says whose they are"
    hint = (
        "where it is the vault of firm {firm}, `muniment repair {firm}` proves that and brings its firm.json back; "
        "where it is not, correct vaults in the firm's file."
    )


class VaultNotSafe(Refused):
    """The bucket lacks a protection that every vault has."""

    text = "vault {bucket} is not safe: {findings}"
    kept = "what both vaults hold; no backup was begun"
    hint = "run `muniment check {firm}` and follow each remedy."


class CheckFailed(Refused):
    """check_firm found something; ``findings`` lists all of it, each with its remedy."""

    text = "firm {firm} is not ready for a backup:\n{findings}"
    kept = "everything; no backup was begun"
    hint = "follow the remedy of each line, then run `muniment check {firm}` again."


class TargetNotEmpty(Refused):
    """A restore never writes into a place that holds something."""

    text = "{place} is not empty"
    kept = "everything in {place}"
    hint = "name an empty or a new folder; a restore that was killed goes on with its own plan."


class TargetInUse(Refused):
    """Another process restores into the same folder."""

    text = "another process is restoring into {place}"
    kept = "everything; this run has not touched anything"
    hint = "wait until it has finished; what it was killed over, the next run continues."


class ClusterRuns(Refused):
    """A delta restore writes over a stopped cluster only."""

    text = "postgresql runs in {place} (pid {pid})"
    kept = "everything in {place}"
    hint = "stop it with `pg_ctl -D {place} stop`, or name an empty or a new folder."


class LayoutNotRestorable(Refused):
    """A restore over a cluster leaves every link, tablespace and mount point where it is, or does not begin."""

    text = "a restore over {place} could not keep its layout: {reason}"
    kept = "everything in {place}; nothing was fetched"
    hint = (
        "mount or make what is named, then give the same command again; or restore into an empty folder with `--into`."
    )


class SourceShrank(Refused):
    """Many documents vanished or changed at once: what ransomware and mass deletion look like."""

    text = "the documents of firm {firm} shrank by {shrunk} since snapshot {snapshot}: {was} objects were current, {now} are; the limit is {limit}"
    kept = "every document version that any snapshot names; retention does not run"
    hint = "find out who deleted them; if it was meant, run the chain again with `accept_shrink`."


class NotVerified(Refused):
    """Retention does not run before tonight's point is verified in both regions."""

    text = "recovery point {point} of firm {firm} is not verified in {where}"
    kept = "everything; nothing was deleted"
    hint = "run the chain's earlier steps first; expire only follows a verified point."


class NoSnapshotCovers(Refused):
    """What was there at an instant is known between two nights that follow each other, and at each night."""

    text = "no document snapshots of firm {firm} in {bucket} tell what was there at {at}: before it {before}, after it {after}"
    kept = "everything; nothing was fetched"
    hint = "choose an instant between two nights that follow each other, or a night's own, or look into the other vault with `--from`."


class TargetUnreachable(Refused):
    """No recovery can end where it was asked to: found out before anything is fetched."""

    text = (
        "firm {firm} cannot be restored to {target} from {bucket}: {reason}\n"
        "nearest before: {before}\nnearest after: {after}\nrecovery windows:{windows}"
    )
    kept = "everything; nothing was fetched or written"
    hint = (
        "choose one of the nearest by its LSN, or `latest`, or a recovery point's id, or the other vault with `--from`;"
        " what another timeline has is asked for with `timeline:N:` before the target."
    )


class NoSuchPoint(Refused):
    """What a person typed is the id of no recovery point that a vault lists: nothing is damaged."""

    text = "firm {firm} has no recovery point {point} in {where}; the nearest ids are: {nearest}"
    kept = "everything; nothing was fetched or written"
    hint = "`muniment points {firm}` lists them all."


class BeingExpired(Refused):
    """Who reads comes too late: expire has begun to delete what would be read."""

    text = "expire deletes what would be read from {bucket}: {what}"
    kept = "whatever was there; this run has fetched nothing and overwritten nothing"
    hint = (
        "plan again: `muniment points` lists the recovery points that stay. Was that expire killed before it had deleted"
        " anything, nothing stands in the way from {until} on."
    )


class NotApproved(Refused):
    """Nobody but a second person, from the firm's list, may let a restore go live."""

    text = "the restore of firm {firm} to {target} does not go live: {reason}"
    kept = "everything: the live cluster serves as before, and what is staged stays until its time is over"
    hint = "ask one of restore.approvers, then start the restore again."


class ActNotApproved(NotApproved):
    """What a second person said to an act of the command line is not yes, or is said by somebody who may not."""

    text = "{what} of firm {firm} is not approved: {reason}"
    kept = "everything: nothing was written"
    hint = "run it without `--approval`: that writes what another one of restore.approvers has to sign, and says how."


class ApprovalWanted(Refused):
    """A second person has not been asked yet: what to sign is written."""

    text = "{what} of firm {firm} waits for a second person, until {until}: {request}"
    kept = "everything: nothing was written but that request"
    hint = (
        "let one of {approvers} read the plan and sign: `muniment approve {request}` (or `ssh-keygen -Y sign -n muniment"
        " -f KEY {request}`); then run `{then}`."
    )


class AdoptionNotApproved(NotApproved):
    """Nobody but a second person, from the firm's list, may let another cluster take the firm's name."""

    text = "firm {firm} does not adopt {target}: {reason}"
    kept = "everything: both vaults know the firm's cluster as before, and its recovery points"
    hint = "ask one of restore.approvers, then start it again."


class NotAReviewer(Refused):
    """A drill is signed off by one of those whom the firm's file names."""

    text = "{by} does not sign off drills of firm {firm}: {reason}"
    kept = "the drill's evidence; it still waits"
    hint = "ask one of drill_reviewers, or let a change of the firm's file name {by}."


class AlreadySignedOff(Refused):
    """A drill is signed off once."""

    text = "drill {drill} of firm {firm} was signed off by {by} on {at}"
    kept = "that sign-off"
    hint = "`muniment drills {firm}` tells which drills wait."


class NotStaged(Refused):
    """What should go live is not a whole, checked restore of this firm."""

    text = "what is staged in {place} cannot go live: {reason}"
    kept = "everything: the live cluster was not touched"
    hint = "stage the restore again."


class LiveNotReplaceable(Refused):
    """What lies at the live place is not this firm's cluster, or could not be set aside."""

    text = "the cluster in {place} cannot be replaced: {reason}"
    kept = "everything: nothing was stopped or moved"
    hint = "correct cluster.live in the firm's file, or what the line names."


class AnotherClusterIsLive(Refused):
    """A cut-over is of one cluster; nothing is put over, or deleted beside, another one that has taken its place."""

    text = "cut-over {id} of firm {firm} is of a former cluster: {reason}"
    kept = "everything: nothing was stopped, moved or deleted"
    hint = (
        "leave {place} as it is. A copy of the former cluster: `muniment restore {firm} --to T --stage`; what was set "
        "aside may lie in {aside}, yours to move or delete by hand. See `muniment live status {firm}`."
    )


class CutOverBusy(Refused):
    """Another cut-over of the same data directory runs, or was begun and neither finished nor undone."""

    text = "another cut-over of {place} is under way: {which}"
    kept = "everything; this run has not touched anything"
    hint = "finish it with `muniment live cut-over`, or undo it with `muniment live roll-back`."


class StagingBusy(Refused):
    """It is being made, destroyed or taken live."""

    text = "another process is at work on the staging in {place}"
    kept = "everything in {place}; this run has not touched it"
    hint = "wait until it has finished, then run this again."


class StagingWentLive(Refused):
    """The way back of its cut-over leads to it, until that is released."""

    text = "the staging in {place} went live, or was about to: cut-over {id} of firm {firm} is not over"
    kept = "everything in {place}"
    hint = (
        "end the cut-over first: `muniment live release {firm} --id {id}`, or "
        "`muniment live roll-back {firm} --id {id} --why …`."
    )


class NoSuchStaging(Refused):
    """Nothing else is ever destroyed or extended."""

    text = "{place} is not a staging of muniment's"
    kept = "everything in {place}"
    hint = "list those of this machine with `muniment staging list`."


class NoIsolation(Refused):
    """A restored server runs where the kernel keeps it from calling anybody and in its own folder, or not at all."""

    text = (
        "this machine cannot keep a restored server from calling out, or from writing outside of its folder: {reason}"
    )
    kept = "everything; nothing was fetched and no server was started"
    hint = (
        "use Linux 6.2 or later on x86_64 or aarch64, with landlock among the names in /sys/kernel/security/lsm,"
        " and a container that may set a seccomp filter and call landlock_restrict_self."
    )


class OtherMachine(Refused):
    """The staged cluster lies on the disk of the worker that staged it."""

    text = "the restore of firm {firm} was staged on {staged_on}, this task runs on {here}"
    kept = "everything: the live cluster was not touched, the staged one waits on {staged_on}"
    hint = "let cluster.live.queue lead to that machine alone, then clear this task."


class LiveRowsChanged(Refused):
    """A row is not as the plan saw it, came, or went."""

    text = "{count:row|rows} of {matter} {count:~is|are} not as the plan saw them in {where}:\n{rows}"
    kept = "every live row: nothing was written"
    hint = "make a new plan and have it approved."


class LedgerOutOfBalance(Refused):
    """One of the registry's ``drills.balances`` is not 0."""

    text = "the ledger of firm {firm} does not balance {when} the restore: {balances}"
    kept = "every live row: nothing was written"
    hint = "choose the rows of whole transfers, or let matters.links lead to their other half; plan it with `--mend-ledger` where what was lost is why it does not balance before."


class TablesNotRestorable(Refused):
    """Rows cannot be told apart, fitted into the live table, or written in any order."""

    text = "{count:table|tables} of firm {firm} cannot be restored row by row:\n{faults}"
    kept = "everything; nothing was written"
    hint = "bring them back beside the live ones with `muniment tables`, and move rows by hand."


class RowsRefused(Refused):
    """A constraint, a trigger or a right of the live database is against it."""

    text = "database {database} of firm {firm} refuses the restored rows: {reason}"
    kept = "every live row: nothing was written"
    hint = "choose other rows with `--only`, or plan it with `--without-triggers` where a trigger is against it."


class UniqueValueTaken(Refused):
    """A row that is not written has what a restored row needs for itself."""

    text = "{row} cannot be as it was in database {database} of firm {firm}: {holder} has its values of {constraint}"
    kept = "every live row: nothing was written"
    hint = "give {holder} other values, or let it go with the matter (`--exactly`) where it was added to it since; or choose the rows that come back with `--only`."


class TablesRefused(Refused):
    """What the tables need is not in the live database, or their rows obey a constraint no more."""

    text = "database {database} of firm {firm} does not take the restored tables: {reason}"
    kept = "all that is live: nothing was written"
    hint = (
        "bring columns and rows alone with `--data-only`, or name what they need as well with `--table` and `--schema`."
    )


class DatabaseHeld(Refused):
    """What no ended session lets go of."""

    text = "database {database} of firm {firm} cannot change its name:\n{holders}"
    kept = "every database under its name, and every session: none was ended"
    hint = "connect to it, and COMMIT PREPARED or ROLLBACK PREPARED each transaction; drop an invalid database. Then the same plan can be applied."


class LiveDocumentsChanged(Refused):
    """A conditional write found another live version than the plan did."""

    text = "{count:document|documents} of firm {firm} changed after the plan was made and {count:~was|were} not restored:\n{documents}"
    kept = "their live versions; {restored} other documents of the plan are restored, each as a new version"
    hint = "make a new plan, look at what it would supersede, then restore again."


class Damaged(Permanent):
    """Stored bytes are not what was stored, or are not there."""

    exit_code = 3


class ObjectDamaged(Damaged):
    """An object read back differs from what its register says, or does not decrypt."""

    text = "object {key} in {bucket} is damaged: {reason}"
    kept = "every other object; nothing was deleted or overwritten"
    hint = (
        "`muniment repair {firm} --deep` brings back what the other vault has whole; until then a restore takes that "
        "vault with `--from`; `muniment verify {firm} --deep` names every damaged object of both."
    )


class ObjectMissing(Damaged):
    """A register names an object that is not there."""

    text = "object {key} is missing from {bucket}"
    kept = "every other object; nothing was deleted or overwritten"
    hint = (
        "`muniment repair`, given the firm's id, brings back what the other vault has; until then a restore takes that "
        "vault with `--from`; `muniment verify`, given the same, names all that is missing in both."
    )


class MarkMissing(ObjectMissing):
    """The vault's firm.json, without which nothing else of it is read."""

    hint = (
        "where firm {firm} has backups, `muniment repair {firm}` brings it back, and until then a restore takes the other "
        "vault with `--from`; a firm that has none yet gets its vaults from `muniment backup {firm}`."
    )


class MarkNotRepairable(Damaged):
    """There is nothing that proves itself to make the vault's firm.json from."""

    text = "firm.json of firm {firm} cannot be repaired: {reason}"
    kept = "every object of both vaults; nothing was written"
    hint = (
        "list its older versions in each vault, `aws s3api list-object-versions --bucket BUCKET --prefix firm.json`: where one is "
        "right, delete what lies above it, delete markers too, by version id, then run `muniment repair {firm}` again; "
        "meanwhile the restore kit, `restore-kit/restore.py … --kms-key ARN`, restores from whichever version proves itself."
    )


class PlanOutdated(ObjectMissing):
    """Between its making and its execution, something that a plan names has gone."""

    text = "object {key} is missing from {bucket}: {count:object|objects} that plan {plan} of firm {firm} needs {count:~is|are} not there any more"
    kept = "{place} as it was, and every other object; nothing was fetched and nothing was overwritten"
    hint = (
        "plan again, `muniment restore {firm} --plan` tells what can be reached; or take the other vault with `--from`."
    )


class RestoreHalfDone(Damaged):
    """What a restore over a stopped cluster cannot say: that nothing was overwritten."""

    text = "the restore over {place} stopped when some of its files were overwritten: {reason}"
    kept = (
        "every object in the vaults, and the files of {place} that the restore had not reached; no server starts there"
    )
    hint = (
        "give the same command again when the cause is gone: it goes on; or restore into an empty folder with `--into`."
    )


class RegisterHidden(Damaged):
    """A delete marker lies over a register. Muniment deletes versions and never writes a marker."""

    text = "{count:register|registers} in {bucket} {count:~is|are} hidden by delete markers: {keys}"
    kept = "everything under the markers; nothing was deleted"
    hint = "find out who deleted them; to bring them back, delete the markers themselves by their version ids."


class WalGap(Damaged):
    """The archive lacks segments inside a range that must be continuous."""

    text = "the wal archive of firm {firm} lacks {count:segment|segments} between {first} and {last}: {missing}"
    kept = "every segment that is there; recovery up to the gap is possible"
    hint = (
        "if the server still has them in pg_wal, push them with `muniment wal push`; else take a new full backup now."
    )


class WalHoleFound(Damaged):
    """WAL between two backups is lost, and the policy wants a person to decide."""

    text = "firm {firm} has a new hole in its wal archive: {hole}"
    kept = "every recovery point, the instants on both sides of the hole, and tonight's base backup"
    hint = (
        "where the other vault still has the segments, `muniment repair {firm}` brings them back; "
        "else take a new full backup: trigger the run with full, or `muniment backup {firm} --full`."
    )


class WalSegmentInvalid(Damaged):
    """A WAL segment's header does not belong to its name or to this cluster."""

    text = "wal segment {segment} is not valid: {reason}"
    kept = "the archive; this segment was neither stored nor handed out"
    hint = "check that archive_command of the right cluster pushed it, and check the disk it came from."


class WalConflict(Permanent):
    """The same segment name with other bytes: two servers archive to one place."""

    text = "wal segment {segment} is already in {bucket} with other contents"
    kept = "the segment that was stored first"
    hint = "find the second server that archives here (a restored copy with archiving on?) and stop it."


class PageChecksumFailed(Damaged):
    """PostgreSQL found a damaged page while it sent the base backup."""

    text = "page checksums failed while firm {firm} was backed up: {files}"
    kept = "every earlier backup; this one was not registered"
    hint = (
        "the cluster's own disk is damaged: check the hardware and restore the relation from the last good backup. So that "
        "all the rest is protected meanwhile: `muniment backup {firm} --accept-damage`, a point that names these files and "
        "is no verified one."
    )


class BackupRefused(Permanent):
    """PostgreSQL answered BASE_BACKUP with an error that is neither a lost connection nor a damaged page."""

    text = "postgresql of firm {firm} refused the base backup: {reason}"
    kept = "every registered backup; this one was not registered"
    hint = "correct what the server names, then run the step again; its log has the details."


class MemberOutside(Damaged):
    """A tar member's name leads out of the folder that it is written into."""

    text = "archive {archive} has a member {member!r} that points outside of its folder"
    kept = "everything; nothing was written"
    hint = "this backup was not made by PostgreSQL: find out who wrote into the vault."


class ControlFileDamaged(Damaged):
    """A data directory's pg_control ends before its beginning does: a disk that was full, or a copy that was cut off."""

    text = "{place} is damaged: it has {found} bytes, of which PostgreSQL wants {needed} before anything else"
    kept = "every recovery point; nothing in that data directory was changed"
    hint = "no server starts from it: set the folder aside, then restore the cluster with `muniment restore`."


class WatchStoreDamaged(Damaged):
    """Its pages do not fit together, or it is no database at all, or a record in it is none of ours."""

    text = "the watch's store {place} is damaged: {reason}"
    kept = "every recovery point that is registered: the vaults know nothing of the watch"
    hint = "set a file aside, with those beside it that begin with its name; of PostgreSQL restore the schema muniment_watch, or rename it. The next pass makes a new store and learns everything anew but the series, who acknowledged what, silences and suspensions."


class AlreadyRegistered(Permanent):
    """A conditional write found an object where there must be none."""

    text = "object {key} already exists in {bucket}"
    kept = "the object that was there first"
    hint = "another run has registered it; list the points with `muniment points FIRM`."


class TargetNotReached(Permanent):
    """A recovery ended elsewhere than its plan said."""

    text = "the recovery of firm {firm} to {target} did not end where plan {plan} said: {differences}"
    kept = "the vaults, and every cluster but the one that was restored; that one must not be used"
    hint = "look into the restored server's log, make a new plan, and restore again."


class NothingToRestore(Permanent):
    """The vault has no registered recovery point."""

    text = "vault {bucket} of firm {firm} has no registered recovery point"
    hint = "look into the other vault with `--from`."


class WentBack(Permanent):
    """The restored cluster could not serve in the live one's place. ``old`` says what is there now."""

    text = "cut-over {id} of firm {firm} went back at step {step!r}: {reason}"
    kept = "{old}; the restored cluster, in staging"
    hint = "correct the reason, then start the restore again."


class NobodyServes(Permanent):
    """The old cluster is back in its place, and the firm's own connection does not lead to it."""

    text = (
        "cut-over {id} of firm {firm} went back at step {step!r}: {reason}; and NOBODY SERVES: the old cluster is in"
        " {place} and does not answer over the firm's own connection"
    )
    kept = "both clusters, whole: the old one in {place}, the restored one in staging"
    hint = "look at {place}.log, start the old server as its host does; `muniment live status {firm}` tells whether it runs."


class EndNotRecorded(Permanent):
    """It is done, and the vaults only know that it was begun."""

    text = "{what} of firm {firm} is done, and neither vault takes the record of its end: act {id}"
    kept = "what was done, and the record of its beginning, by whom and on whose approval"
    hint = "do not run it again. `muniment acts {firm}` says that {id} did not finish: note beside it that it did."


class SignatureNotMade(Permanent):
    """OpenSSH signs for a second person, with a key of that person's own."""

    text = "ssh-keygen has not signed with {key}: {reason}"
    kept = "everything: nothing was approved"
    hint = "name your key with `--key`, or sign the request on a machine that has it, and bring the `.sig` file."


class NotReached(Permanent):
    """A server was started, and the firm's own connection does not lead to it."""

    text = "cut-over {id} of firm {firm}: nobody can connect to it over the firm's own connection: {reason}"
    kept = "both clusters, whole"
    hint = "compare where the server listens with the firm's connection; name in cluster.live.start how it is started."


class NotProvenLive(Permanent):
    """The restored cluster serves, and something about it is not as it must be."""

    text = "cut-over {id} of firm {firm}: the restored cluster serves, but {reason}"
    kept = "both clusters: the old one is set aside in {aside}"
    hint = "correct it and clear the task, or go back with `muniment live roll-back {firm}`."


class DrillFailed(Permanent):
    """A restore test has shown that something would not come back, or not in time; its evidence is in the vaults."""

    text = "drill {drill} of firm {firm} from vault {bucket} failed:\n{faults}"
    kept = "the firm's data: a drill only reads it; the evidence, in both vaults under {key}"
    hint = "correct what the lines name, then repeat it: `muniment drill {firm} --seed {seed} --from {side} --by {by}`."


class SignOffOverdue(Permanent):
    """A quarter's drill was left without a reviewer's word."""

    text = "drill {drill} of firm {firm} is not signed off for {quarter}; it was due by {due}"
    kept = "the drill's evidence, in both vaults"
    hint = "one of {reviewers} reads its page, then `muniment sign-off {firm} {drill} --by NAME`."


class InvalidConfiguration(Permanent):
    """The registry is wrong; ``faults`` lists every fault with file and path."""

    text = "{count:fault|faults} in the configuration:\n{faults}"
    kept = "everything that was there before"
    hint = "correct each line, then run `muniment firms check`."
    exit_code = 2


class InvalidRequest(Permanent):
    """What was asked for, by a form or an option, names what is not there or contradicts itself."""

    text = "{count:fault|faults} in what was asked for:\n{faults}"
    kept = "everything; nothing was written"
    hint = "correct each line, then ask again."
    exit_code = 2


class NoRegistry(InvalidConfiguration):
    """Nobody said where the registry is, and it is in none of a project's places."""

    text = "there is no registry: no firms/ and no policies/ in {looked}"
    kept = "everything; nothing was started"
    hint = "name the folder that holds both: MUNIMENT_REGISTRY in the environment, or `muniment --registry FOLDER`."


class UnknownParameter(InvalidConfiguration):
    """Airflow takes any key of a run's conf; a misspelt one would change nothing and say nothing."""

    text = "run {run} was triggered with {unknown}; the parameters are {known}"
    kept = "everything; nothing was started"
    hint = "trigger it again with the parameters' own names."


class ProgramMissing(Permanent):
    """A program of PostgreSQL is not on this machine."""

    text = "{program} was not found: looked in {places}"
    hint = "install PostgreSQL {version} (Debian: postgresql-{version}, Red Hat: postgresql{version}-server) or set MUNIMENT_PG_BIN to its bin folder."


class LocaleMissing(Permanent):
    """PostgreSQL opens no database whose locale the machine does not know."""

    text = "this machine lacks what databases of firm {firm} are sorted by: {locales}"
    kept = "everything; nothing was fetched"
    hint = "make it known (Debian: `apt-get install locales-all`, or /etc/locale.gen and `locale-gen`), or restore on a machine that has it."


class ExtensionMissing(Permanent):
    """The cluster's databases use an extension that this machine's PostgreSQL does not have."""

    text = "postgresql {version} on this machine lacks extensions of firm {firm}: {extensions}"
    kept = "everything; nothing was fetched"
    hint = "install {packages}, or restore on a machine that has them."


class ProgramFailed(Permanent):
    """A program ended with an error."""

    text = "{program} ended with {status}: {stderr}"
    hint = "the lines above are the end of its error output."


class DiskFull(Permanent):
    """No space is left where we have to write."""

    text = "no space left in {place}: {needed} bytes needed, {free} there"
    hint = "free some space, then start again: what was written so far is reused or overwritten."


class WalFileMissing(Permanent):
    """``wal push`` was given a path where there is nothing."""

    text = "there is no file {path}"
    hint = "archive_command = 'muniment wal push %p' is run in the data directory; by hand, give the whole path."


class WatchStoreTooNew(Permanent):
    """A later Muniment has migrated it."""

    text = "the watch's store {place} is of version {found}, this Muniment knows {known}"
    kept = "everything: nothing was read from it, nothing was written"
    hint = "install here the Muniment that has migrated it; every machine that watches runs the same."
