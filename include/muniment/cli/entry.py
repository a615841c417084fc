"""Where the ``muniment`` command begins.

PostgreSQL runs ``wal push`` and ``wal fetch`` once for each segment, so these two must not pay for the imports of all
the others: click, rich, pydantic and boto3 cost a second, a segment that is in the vault already costs milliseconds.
"""

import sys


def main() -> int:
    """Returns the exit code."""
    arguments = sys.argv[1:]
    if "--help" not in arguments:
        match arguments[:2]:
            case ["wal", "push"]:
                from muniment.cli.wal import push as wal_push

                return wal_push.main(arguments[2:])
            case ["wal", "fetch"]:
                from muniment.cli.wal import fetch as wal_fetch

                wal_fetch.stop_recovery_on_any_failure()
                return wal_fetch.main(arguments[2:])
    from muniment.cli import groups

    return int(groups.main() or 0)


if __name__ == "__main__":
    sys.exit(main())
