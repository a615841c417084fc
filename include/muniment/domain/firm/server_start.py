"""How a server was started, from what PostgreSQL and the kernel wrote down about it."""

import re

# postmaster.opts: the program's path, then each argument between double quotes, as CreateOptsFile in
# src/backend/postmaster/postmaster.c writes them. Nothing in it is escaped.
_ARGUMENT = re.compile(r' "(.*?)"(?= "|$)', re.DOTALL)


def options_in(postmaster_opts: str) -> tuple[str, ...]:
    """The arguments without the data directory, which whoever starts the server names anew."""
    arguments = iter(_ARGUMENT.findall(postmaster_opts.rstrip("\n")))
    found = []
    for argument in arguments:
        if argument == "-D":
            next(arguments, None)
        elif not argument.startswith("-D"):
            found.append(argument)
    return tuple(found)


def unit_in(cgroup: str) -> str | None:
    """The systemd service to which a process belongs, from its ``/proc/<pid>/cgroup``; ``None`` for any other."""
    for line in cgroup.splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        leaf = path.rsplit("/", 1)[-1]
        if leaf.endswith(".service") and (hierarchy == "0" or controllers == "name=systemd"):
            return leaf
    return None
