"""What somebody else does at one certain moment of a run: an action between two of its requests to S3."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from muniment.adapters.vault.vault import Vault
from tests.support.s3 import s3_of


@contextmanager
def meanwhile(operation: str, key: str, action: Callable[[], object], *vaults: Vault) -> Iterator[list[str]]:
    """``action`` before the first ``operation`` on a key that contains ``key`` leaves for any of ``vaults``.

    Another such request waits for its end. Yields what the first one was, once it is done.
    """
    done: list[str] = []
    lock = Lock()

    def before_call(model: Any, params: dict[str, Any], **_: Any) -> None:
        if model.name == operation and key in params["url_path"]:
            with lock:
                if not done:
                    done.append(params["url_path"])
                    action()

    clients = {id(s3_of(vault)): s3_of(vault) for vault in vaults}.values()
    for client in clients:
        client.meta.events.register("before-call.s3", before_call, unique_id=f"meanwhile {id(done)}")
    try:
        yield done
    finally:
        for client in clients:
            client.meta.events.unregister("before-call.s3", before_call, unique_id=f"meanwhile {id(done)}")
