"""``muniment wal push PATH``: what archive_command runs. PostgreSQL deletes the file once this has returned 0.

The exit code is 0 only when S3 has acknowledged the file's checksummed bytes, now or to the run before this one. Every
other code is below 126, which PostgreSQL takes for "try again later"; above, its archiver would end and start anew
(PostgreSQL documentation, "Setting Up WAL Archiving").
"""

from pathlib import Path

from muniment.adapters.wal.spool import WalSpool
from muniment.cli.wal.arguments import Arguments

USAGE_ERROR = 2


def main(arguments: list[str]) -> int:
    request = Arguments("push", "PATH", arguments)
    if request.fault:
        request.complain()
        return USAGE_ERROR
    file, spool = Path(request.positional[0]), WalSpool.of_cluster(request.firm)
    if spool.is_acknowledged(file):
        spool.forget(file.name)
        return 0
    # From here on it costs a second, so everything that waits is pushed in the same breath.
    from muniment.cli.wal.push_guard import PushGuard

    guard = PushGuard(spool, file)
    guard.start()
    try:
        from muniment.cli.wal.push_many import push_many

        push_many(request.firm, file, spool, guard)
    except Exception as error:  # an interpreter that ends by itself would meet the guard's alarm: a code above 126
        guard.give_up(f"{type(error).__name__}: {error}")
