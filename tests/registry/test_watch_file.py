"""watch.yaml: each fault word for word, all of them at once, and a firm that nobody would be told of."""

from typing import Any

import pytest

from muniment.errors import InvalidConfiguration
from muniment.registry.watch_file import load_watch_settings, require_sound, watch_faults
from tests.registry.conftest import ROOT, Change, Files, firm_values, put, watch_values

PAGER = {"name": "pager", "kind": "pagerduty", "connection": "muniment_pager"}


def told(files: Files, *changes: Change) -> list[str]:
    values = watch_values()
    for change in changes:
        change(values)
    files.write("watch.yaml", values)
    return [str(fault).removeprefix("watch.yaml: ") for fault in watch_faults(files.load())]


def add(key: str, *items: Any) -> Change:
    return lambda values: values[key].extend(items)


FAULTS: dict[str, tuple[Change, str]] = {
    "a kind that is none": (
        add("channels", {**PAGER, "kind": "pagerdutty"}),
        "channels[1].kind: 'pagerdutty' is not one of pagerduty, slack, sns, smtp, notifier, apprise",
    ),
    "a secret where its connection belongs": (
        add("channels", {**PAGER, "connection": "https://hooks.slack.com/services/T0/B0/secret"}),
        "channels[1].connection: 'https://hooks.slack.com/services/T0/B0/secret' is not a connection id: letters,"
        " digits, '_', '.' and '-'",
    ),
    "no connection": (
        add("channels", {"name": "pager", "kind": "pagerduty"}),
        "channels[1].connection: is missing: a channel of kind pagerduty has one",
    ),
    "no topic": (
        add("channels", {"name": "topic", "kind": "sns", "connection": "aws"}),
        "channels[1].arguments.target_arn: is missing: a channel of kind sns has it",
    ),
    "no notifier": (
        add("channels", {"name": "own", "kind": "notifier"}),
        "channels[1].notifier: is missing: the import path of the notifier",
    ),
    "a notifier too many": (
        add("channels", {**PAGER, "notifier": "a.B"}),
        "channels[1].notifier: a channel of kind pagerduty has its own",
    ),
    "one name twice": (
        add("channels", {**PAGER, "name": "mail"}),
        "channels[1].name: 'mail' is another channel's name as well",
    ),
    "a channel that is none": (
        put("routes", [{"tell": ["mail", "mial"]}]),
        "routes[0].tell[1]: 'mial' is no channel; did you mean 'mail'?",
    ),
    "one channel twice": (
        put("routes", [{"tell": ["mail"], "also": ["mail"]}]),
        "routes[0]: channel 'mail' is named twice",
    ),
    "nobody": (
        put("routes", [{"tell": []}]),
        "routes[0].tell: names no channel: who matches it would be told nothing",
    ),
    "a firm that is none": (
        add("routes", {"firms": ["acne"], "tell": ["mail"]}),
        "routes[1].firms[0]: 'acne' is no firm; did you mean 'acme'?",
    ),
    "a tier that is none": (
        add("routes", {"tiers": ["enterprize"], "tell": ["mail"]}),
        "routes[1].tiers[0]: 'enterprize' is no tier; did you mean 'enterprise'?",
    ),
    "a severity that is none": (
        add("routes", {"severities": ["fatal"], "tell": ["mail"]}),
        "routes[1].severities[0]: 'fatal' is not one of critical, error, warning",
    ),
    "quiet hours that never end": (
        put("routes", [{"tell": ["mail"], "quiet_hours": {"start": "07:00"}}]),
        "routes[0].quiet_hours: they end when they start: leave them out, or say when they end",
    ),
    "samples that go at once": (
        put("keep_samples", "2 hours"),
        "keep_samples: '2 hours' is outside the allowed range, 1 day to 3660 days",
    ),
    "a login for a file": (
        put("read_store", "watch_reader"),
        "read_store: there is no store: a file of the project's has no logins",
    ),
    "an unknown key": (put("heart_beat", "x"), "heart_beat: unknown key; did you mean 'heartbeat'?"),
    "a page that is none": (
        put("page_url", "airflow.example.com"),
        "page_url: 'airflow.example.com' is not a web address, such as https://airflow.example.com",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_says_where_and_how_to_correct_it(files: Files, name: str) -> None:
    change, said = FAULTS[name]
    assert told(files, change) == [said]
    if "is no firm" not in said and "is no tier" not in said:  # these two are of the whole registry
        with pytest.raises(InvalidConfiguration):
            load_watch_settings(files.root)


def test_everything_is_said_at_once(files: Files) -> None:
    said = told(
        files,
        put("keep_samples", 3),
        add("channels", {"name": "Pager", "kind": "pagerduty", "connection": "x"}),
        put("routes", [{"tell": ["nobody"]}, {"tell": ["mail"], "quiet_hours": {"start": "25:00"}}]),
    )
    assert [line.split(": ")[0] for line in said] == ["channels[1].name", "keep_samples", "routes[1].quiet_hours.start"]


def test_a_firm_whom_nobody_is_told_of_is_a_fault_of_the_registry(files: Files) -> None:
    files.write("firms/beta.yaml", firm_values("beta", 2) | {"tier": "starter"})
    said = told(
        files, put("routes", [{"tell": ["mail"], "severities": ["critical"]}, {"tell": ["mail"], "tiers": ["starter"]}])
    )
    assert said == ["routes: firm acme: nobody is told of what is error or warning: no route matches it"]
    with pytest.raises(InvalidConfiguration, match="firm acme: nobody is told"):
        require_sound(files.load())
    assert load_watch_settings(files.root).routes  # the others are told all the same


def test_no_file_is_a_fault_too(files: Files) -> None:
    (files.root / "watch.yaml").unlink()
    assert [str(fault) for fault in watch_faults(files.load())] == [
        f"watch.yaml: there is no such file in {files.root}: nobody would be told of anything"
    ]


def test_the_projects_own_file_is_sound() -> None:
    settings = load_watch_settings(ROOT / "include")
    assert {channel.kind for channel in settings.channels} == {"pagerduty", "slack", "sns", "smtp"}
