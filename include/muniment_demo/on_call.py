"""Who is on call in the demonstration: a mailbox, a topic that ends in a queue, PagerDuty, Slack; and what arrived."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from pathlib import Path

import yaml

from muniment.adapters.site.logins import Login
from muniment.domain.secret import Secret
from muniment_demo.cloud import DEFAULT_REGION, Cloud
from muniment_demo.web_hooks import SLACK
from muniment_demo.world import PROJECT, World

TOPIC = "muniment-on-call"
# Made up: whoever listens here asks for none.
_ROUTING_KEY, _WEBHOOK = "R0DEMO0000000000000000000000DEMO", "T0DEMO/B0DEMO/demo"


def write_watch_file(world: World, airflow_url: str) -> None:
    """The project's own, with what is true here: where Airflow is, and that it may be asked. Without quiet hours: who
    rehearses does so at any hour."""
    values = yaml.safe_load((PROJECT / "include" / "watch.yaml").read_text())
    values |= {"page_url": airflow_url, "airflow": "muniment_airflow"}
    for route in values["routes"]:
        route.pop("quiet_hours", None)
    (world.registry / "watch.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


def make_topic(cloud: Cloud) -> Login:
    """Airflow's connection to it, whose user may publish there and do nothing else."""
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    topic, queue = sns.create_topic(Name=TOPIC)["TopicArn"], sqs.create_queue(QueueName=TOPIC)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(_may_send(topic, arn))})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    publish = {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}
    key = cloud.create_user(TOPIC, {"Version": "2012-10-17", "Statement": [publish]})
    where = {"endpoint_url": cloud.endpoint_url, "region_name": DEFAULT_REGION}
    return Login("muniment_topic", user=key.access_key_id, password=key.secret_access_key, extra=where)


def _may_send(topic: str, queue: str) -> dict[str, object]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def web_logins(address: str) -> list[tuple[str, Login]]:
    """Airflow's connections to PagerDuty and Slack, with their types."""
    return [
        ("pagerduty_events", Login("muniment_pager", host=address, password=Secret(_ROUTING_KEY))),
        ("slackwebhook", Login("muniment_chat", host=f"{address}{SLACK}", password=Secret(_WEBHOOK))),
    ]


@dataclass(frozen=True, slots=True)
class Told:
    at: datetime
    by: str
    subject: str


def told(world: World) -> list[Told]:
    """What arrived, oldest first."""
    cloud = Cloud.running_in(world.cloud)
    found = [*_mails(world.mail / "letters" / "new"), *_calls(world.web_hooks), *(_queued(cloud) if cloud else ())]
    return sorted(found, key=lambda each: each.at)


def _mails(folder: Path) -> Iterator[Told]:
    for file in folder.glob("*"):
        mail = message_from_bytes(file.read_bytes())
        at = parsedate_to_datetime(mail["Date"]) if mail["Date"] else datetime.fromtimestamp(file.stat().st_mtime, UTC)
        yield Told(at.astimezone(UTC), f"mail to {mail['To']}", str(make_header(decode_header(mail["Subject"] or ""))))


def _calls(folder: Path) -> Iterator[Told]:
    for file in folder.glob("*.json"):
        kept = json.loads(file.read_text())
        at, told = datetime.fromtimestamp(kept["at"], UTC), kept["told"]
        if "event_action" in told:
            yield Told(at, f"PagerDuty {told['event_action']}", told["payload"]["summary"])
        else:
            yield Told(at, "Slack", told["text"].partition("\n")[0].strip("*"))


def _queued(cloud: Cloud) -> Iterator[Told]:
    """Looked at, not taken: it stays in the queue."""
    sqs = cloud.client("sqs")
    queue = sqs.get_queue_url(QueueName=TOPIC)["QueueUrl"]
    seen: set[str] = set()
    while batch := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=2).get("Messages"):
        for each in batch:
            body = json.loads(each["Body"])
            if each["MessageId"] not in seen:
                yield Told(datetime.fromisoformat(body["Timestamp"]), "SNS", body["Subject"])
            seen.add(each["MessageId"])
