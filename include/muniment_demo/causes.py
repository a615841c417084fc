"""What goes wrong in a rehearsal: each of these breaks what really breaks, or puts it right again (docs/on-call.md).

Nothing is written into what the watch remembers: it has to find out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from muniment.adapters.host.local_cluster import LocalCluster
from muniment.adapters.site.logins import find_login
from muniment.domain.firm.firm import Firm
from muniment.domain.secret import Secret
from muniment.domain.vault import keys
from muniment.domain.wal.names import is_segment
from muniment.registry import load_registry
from muniment_demo import region_gate
from muniment_demo.accounts import grant_wal_push, withdraw_wal_push
from muniment_demo.airflow_api import AirflowApi
from muniment_demo.cloud import Cloud
from muniment_demo.errors import NotRehearsed
from muniment_demo.world import World, demo_programs

_DAYS_UNTIL_DELETION = 7  # the least that KMS takes


@dataclass(frozen=True, slots=True)
class Place:
    """Where it happens: one firm of a demonstration that is up."""

    world: World
    cloud: Cloud
    firm: Firm

    @property
    def cluster(self) -> LocalCluster:
        """On the port to which the firm's connection leads."""
        port = find_login(self.firm.cluster.connection, self.world.settings).port
        return LocalCluster(self.world.data_directory(self.firm.id), demo_programs(), port)

    @property
    def region(self) -> str:
        return self.firm.vaults.primary.region

    def airflow(self) -> AirflowApi:
        facts = self.world.description() or {}
        api = AirflowApi(facts["airflow_url"], "admin", Secret(facts["passwords"]["admin"]))
        api.sign_in()
        return api


type Act = Callable[[Place], str]
"""Returns what was done, in a few words."""


@dataclass(frozen=True, slots=True)
class Cause:
    """``mend`` is ``None`` where Muniment's own command is what puts it right: ``by_hand``."""

    break_it: Act
    mend: Act | None
    by_hand: str = ""


def place_of(world: World, firm_id: str | None) -> Place:
    """``None``: the firm that is promised the most.

    Raises ``NotRehearsed`` where nothing is up, or it has no such firm.
    """
    cloud = Cloud.running_in(world.cloud)
    if cloud is None:
        raise NotRehearsed(what=f"nothing is up in {world.root}", way="make up")
    firms = load_registry(world.registry).firms
    chosen = firm_id or min(firms, key=lambda each: firms[each].policy.recovery_class.rpo)
    if chosen not in firms:
        raise NotRehearsed(what=f"there is no firm {chosen}", way=f"name one of {', '.join(firms)}")
    return Place(world, cloud, firms[chosen])


def cause(world: World, name: str, firm_id: str | None) -> str:
    return CAUSES[name].break_it(place_of(world, firm_id))


def mend(world: World, name: str, firm_id: str | None) -> str:
    """Raises ``NotRehearsed`` where another command does it."""
    place, found = place_of(world, firm_id), CAUSES[name]
    if found.mend is None:
        raise NotRehearsed(what=f"{name} is not undone", way=found.by_hand.format(firm=place.firm.id))
    return found.mend(place)


def _refuse_the_archiver(place: Place) -> str:
    user = withdraw_wal_push(place.cloud, place.firm)
    return f"IAM user {user} has no policy any more: {place.firm.id}'s archive_command is refused"


def _let_the_archiver_in(place: Place) -> str:
    user = grant_wal_push(place.cloud, place.firm)
    return f"IAM user {user} has its policy again; PostgreSQL tries once more within a minute"


def _lose_a_segment(place: Place) -> str:
    vault = place.firm.vaults.primary
    key = _last_but_one(place)
    place.cloud.client("s3", vault.region).delete_object(Bucket=vault.bucket, Key=key)
    return f"s3://{vault.bucket}/{key} is deleted"


def _last_but_one(place: Place) -> str:
    """Of the segments that the replica vault has as well: one that can be had again, and has others behind it."""
    sides = (place.firm.vaults.primary, place.firm.vaults.replica)
    primary, replica = (sorted(_segments(place, each.bucket, each.region)) for each in sides)
    if found := [key for key in primary[:-1] if key in set(replica)]:
        return found[-1]
    raise NotRehearsed(what="the replica vault has no WAL yet that could be lost here", way="wait for a pass")


def _segments(place: Place, bucket: str, region: str) -> Iterator[str]:
    pages = place.cloud.client("s3", region).get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=keys.WAL):
        yield from (each["Key"] for each in page.get("Contents", ()) if is_segment(each["Key"].rpartition("/")[2]))


def _stop_the_cluster(place: Place) -> str:
    place.cluster.stop("immediate")
    return f"{place.firm.id}'s PostgreSQL is stopped"


def _start_the_cluster(place: Place) -> str:
    place.cluster.start()
    return f"{place.firm.id}'s PostgreSQL runs again"


def _take_the_region_away(place: Place) -> str:
    region_gate.take_away(place.world.regions, place.region)
    return f"S3, KMS and Secrets Manager in {place.region} answer none of the firms"


def _bring_the_region_back(place: Place) -> str:
    region_gate.bring_back(place.world.regions, place.region)
    return f"{place.region} answers again"


def _delete_the_key(place: Place) -> str:
    key = place.firm.vaults.primary.kms_key
    kms = place.cloud.client("kms", place.region)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=_DAYS_UNTIL_DELETION)
    return f"{key} is deleted in {_DAYS_UNTIL_DELETION} days"


def _keep_the_key(place: Place) -> str:
    key = place.firm.vaults.primary.kms_key
    kms = place.cloud.client("kms", place.region)
    kms.cancel_key_deletion(KeyId=key)
    kms.enable_key(KeyId=key)
    return f"{key} stays, and is enabled"


def _pause(place: Place) -> str:
    return _set_paused(place, is_paused=True)


def _unpause(place: Place) -> str:
    return _set_paused(place, is_paused=False)


def _set_paused(place: Place, *, is_paused: bool) -> str:
    dag_id = f"{place.firm.id}__backup"
    place.airflow().pause(dag_id, is_paused=is_paused)
    return f"{dag_id} is {'paused' if is_paused else 'not paused'}"


CAUSES: Mapping[str, Cause] = {
    "archiver-fails": Cause(_refuse_the_archiver, _let_the_archiver_in),
    "wal-lost": Cause(_lose_a_segment, None, "muniment repair {firm}"),
    "cluster-down": Cause(_stop_the_cluster, _start_the_cluster),
    "region-away": Cause(_take_the_region_away, _bring_the_region_back),
    "key-deletion": Cause(_delete_the_key, _keep_the_key),
    "dag-paused": Cause(_pause, _unpause),
}
