"""What only a demonstration can run into."""

from muniment.errors import Permanent


class DemonstrationIsBusy(Permanent):
    """Another process starts, shows or stops the same demonstration."""

    text = "the demonstration in {place} is being started, shown or stopped by another process"
    kept = "everything that the other process has made"
    hint = "wait until it has finished, or stop it with Ctrl-C where it runs."


class DemonstrationFailed(Permanent):
    """A step of `make demo` did not do what it shows."""

    text = "the demonstration failed: {what}"
    kept = "its folder, logs and vaults included: {place}"
    hint = "the lines above are the end of the log of what failed."


class CannotTakePictures(Permanent):
    """`python -m muniment_demo.pictures` lacks what it takes them of, or with."""

    text = "no picture was taken: {why}"
    kept = "the pictures that are there"
    hint = "{way}"


class NotRehearsed(Permanent):
    """`cause` or `mend` was asked for what cannot be done here."""

    text = "{what}"
    kept = "everything: nothing was broken and nothing was put right"
    hint = "{way}."
