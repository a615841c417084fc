"""Who is on call in the demonstration has real receivers, and what arrived there is shown."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from muniment.adapters.site.logins import Login
from muniment.adapters.watch.store import WatchStore
from muniment.domain.watch.settings import WatchSettings
from muniment.ports import utc_now
from muniment.registry.watch_file import load_watch_settings
from muniment.runbooks.incidents.prove_channels import prove_channels
from muniment_demo.cloud import Cloud
from muniment_demo.mail import start_mail_server
from muniment_demo.on_call import make_topic, told, web_logins, write_watch_file
from muniment_demo.sessions import end_sessions
from muniment_demo.web_hooks import start_web_hooks
from muniment_demo.world import World

# The notifiers' own libraries; and receivers are ended by their sessions, not by who started them.
pytestmark = [
    pytest.mark.filterwarnings("default::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:subprocess:ResourceWarning"),
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "world")
    world.registry.mkdir(parents=True)
    cloud = Cloud.start(world.cloud)
    yield world
    cloud.stop()
    end_sessions(world.sessions(), world.root)


def as_airflow_has_it(kind: str, login: Login) -> str:
    fields = {"host": login.host, "login": login.user, "password": login.password.reveal(), "port": login.port}
    return json.dumps({"conn_type": kind, **{k: v for k, v in fields.items() if v}, "extra": dict(login.extra)})


def test_every_channel_of_its_watch_file_arrives(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud.running_in(world.cloud)
    assert cloud is not None
    address = start_web_hooks(world.web_hooks, world.remember_session)
    mail = start_mail_server(world.mail, world.remember_session)
    for kind, login in (("smtp", mail), ("aws", make_topic(cloud)), *web_logins(address)):
        monkeypatch.setenv(f"AIRFLOW_CONN_{login.id.upper()}", as_airflow_has_it(kind, login))
    write_watch_file(world, "http://127.0.0.1:8080")
    settings: WatchSettings = load_watch_settings(world.registry)
    names = [each.name for each in settings.channels]
    proven = prove_channels(WatchStore.open(str(tmp_path / "w.sqlite")), settings, names, clock=utc_now)
    assert {each.channel: each.failure for each in proven} == dict.fromkeys(names)
    arrived = told(world)
    assert sorted(each.by for each in arrived) == [
        "PagerDuty resolve",
        "PagerDuty trigger",
        "SNS",
        "Slack",
        "mail to on-call@saas.example",
    ]
    assert {each.subject for each in arrived} == {
        f"[muniment] TEST of channel {name}: nothing is wrong" for name in names
    }
    assert yaml.safe_load((world.registry / "watch.yaml").read_text())["airflow"] == "muniment_airflow"
