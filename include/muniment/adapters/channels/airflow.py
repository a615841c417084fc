"""Airflow's connections and notifiers, found when they are needed: without Airflow a channel fails, nothing else."""

import importlib
import inspect
import re
from collections.abc import Mapping
from typing import Any

from muniment.adapters.channels.message import Message

AIRFLOW = "airflow.sdk.BaseHook"
# What a notifier's parameter of this name is filled with where its arguments leave it out. Templates, because a
# notifier renders its arguments: an error text with braces in it would be taken for one.
_FILLED = {
    "subject": "{{ notice.subject }}",
    "title": "{{ notice.subject }}",
    "summary": "{{ notice.subject }}",
    "message": "{{ notice.message }}",
    "message_body": "{{ notice.message }}",
    "body": "{{ notice.message }}",
    "description": "{{ notice.message }}",
    "text": "{{ notice.message }}",
    "html_content": "<pre>{{ notice.message | e }}</pre>",
    "severity": "{{ notice.severity }}",
    "dedup_key": "{{ notice.key }}",
}
# SNS takes 100 characters of ASCII, and nobody reads more of a mail's subject.
_SUBJECT_CHARACTERS = 100


def notify(path: str, arguments: Mapping[str, Any], message: Message, context: Mapping[str, Any] | None = None) -> None:
    """By any notifier of Airflow's, by its import path, made with ``arguments`` and our words for what they leave out.

    Raises what the notifier raises: it is not called as a callback is, which would log the error and forget it.
    """
    kind = imported(path)
    known = inspect.signature(kind).parameters
    filled = {name: words for name, words in _FILLED.items() if name in known}
    notifier = kind(**{**filled, **arguments})
    told = {**(context or {}), "notice": words_of(message)}
    notifier.render_template_fields(told)
    notifier.notify(told)


def words_of(message: Message) -> dict[str, str]:
    """What a template may name: ``notice.subject`` and its kin."""
    subject = " ".join(message.subject.split())
    return {
        "firm": message.firm,
        "task": message.task,
        "subject": subject,
        "ascii_subject": re.sub(r"[^\x20-\x7e]", "?", subject)[:_SUBJECT_CHARACTERS],
        "message": message.whole,
        "slack": f"*{_escaped(subject)}*\n{_escaped(message.whole)}",
        "severity": message.severity,
        "key": message.key,
        "log_url": message.log_url,
    }


def _escaped(text: str) -> str:
    """https://api.slack.com/reference/surfaces/formatting#escaping"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def imported(path: str) -> Any:
    """Raises ``ImportError`` and ``AttributeError``."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def connection(connection_id: str) -> Any:
    """From wherever Airflow looks: a secrets backend, ``AIRFLOW_CONN_<ID>``, its database."""
    return imported(AIRFLOW).get_connection(connection_id)
