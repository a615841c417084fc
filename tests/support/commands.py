"""Every command of `muniment`, by name."""

NAMES = (
    "firms",
    "check",
    "status",
    "adopt",
    "backup",
    "points",
    "verify",
    "copy",
    "repair",
    "expire",
    "restore",
    "staging",
    "live",
    "drill",
    "drills",
    "sign-off",
    "documents",
    "matter",
    "tables",
    "database",
    "approve",
    "acts",
    "config",
    "wal",
    "incidents",
    "alerts",
    "watch",
    "completion",
)


def leaves() -> list[tuple[str, ...]]:
    groups = {
        "firms": ("check", "list", "show"),
        "staging": ("list", "extend", "destroy"),
        "live": ("status", "cut-over", "roll-back", "release"),
        "wal": ("push", "fetch", "status", "replicate"),
        "incidents": ("list", "show", "acknowledge", "resolve", "silence", "unsilence"),
        "alerts": ("routes", "test", "sent"),
        "watch": ("show", "pass", "metrics", "serve", "probe", "suspend", "resume"),
    }
    return [(name, *([sub] if sub else [])) for name in NAMES for sub in groups.get(name, ("",))]
