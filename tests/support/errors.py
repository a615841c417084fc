"""Every error of the product, with facts that only name themselves."""

import string

from muniment import errors


def every_error() -> list[type[errors.MunimentError]]:
    found, waiting = [], [errors.MunimentError]
    while waiting:
        kind = waiting.pop()
        if kind.__module__ == errors.__name__:  # the demonstration has some of its own
            found.append(kind)
        waiting += kind.__subclasses__()
    return found


def with_facts(kind: type[errors.MunimentError]) -> errors.MunimentError:
    texts = (kind.text, kind.kept, kind.hint)
    names = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}
    return kind(**{name: f"<{name}>" for name in names})
