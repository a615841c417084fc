"""Brings a whole demonstration up, several things at a time, and leaves in `World` what is needed to end it."""

import dataclasses
import json
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from muniment.adapters.host.local_cluster import LocalCluster, free_port
from muniment.adapters.site.logins import Login, open_site
from muniment.adapters.site.site import Site
from muniment.domain.firm.firm import Firm
from muniment.domain.secret import Secret
from muniment.registry import load_registry
from muniment.registry.watch_file import require_sound
from muniment_demo import documents, firms
from muniment_demo.accounts import OWN_LOGINS, WAL_PUSH, WATCH, aws_login, iam_policy, may_watch, user_of
from muniment_demo.airflow_env import USERS, airflow_env
from muniment_demo.airflow_home import write_home
from muniment_demo.airflow_metadata import create_metadata, make_tables
from muniment_demo.airflow_process import SCHEDULER, LocalAirflow
from muniment_demo.cloud import Cloud
from muniment_demo.mail import start_mail_server
from muniment_demo.on_call import make_topic, web_logins, write_watch_file
from muniment_demo.practice import DATABASE, Practice, create_database, fill
from muniment_demo.region_gate import start_region_gate
from muniment_demo.server import ROLE, WATCH_ROLE, archive_through, create_role, firm_settings
from muniment_demo.web_hooks import start_web_hooks
from muniment_demo.world import PROJECT, World, demo_programs

# Two cores are what the promise of three minutes is made for.
AT_ONCE = 3
_SCALES = {"starter": 1.0, "professional": 1.5, "enterprise": 2.0}

type Phase = Callable[[str], AbstractContextManager[None]]
"""Tells a person what is being done, and how long it took."""


@dataclass(slots=True)
class Stack:
    """What runs. Every part is started by a method that may be called from a thread of its own."""

    world: World
    phase: Phase
    stays_up: bool = False
    """Then Airflow keeps its schedules, and at some hours starts a night or a drill beside the story; and a region can
    go away, so every byte takes one more step."""
    cloud: Cloud = field(init=False)
    endpoint_url: str = field(init=False)
    """The cloud as the firms know it."""
    airflow: LocalAirflow = field(init=False)
    airflow_port: int = field(default_factory=free_port)
    passwords: dict[str, Secret] = field(default_factory=dict)
    clusters: dict[str, LocalCluster] = field(default_factory=dict)
    role_passwords: dict[str, Secret] = field(default_factory=dict)
    watch_passwords: dict[str, Secret] = field(default_factory=dict)
    aws_logins: dict[str, Login] = field(default_factory=dict)
    registry: dict[str, Firm] = field(default_factory=dict)

    def start(self, count: int) -> None:
        """Everything but Airflow's parts, which `start_airflow` starts: they would slow the rest down."""
        files = firms.firm_files(count)
        self.passwords = {user: Secret(secrets.token_urlsafe(9)) for user in USERS}
        with ThreadPoolExecutor(AT_ONCE + 2) as pool:
            metadata = pool.submit(self._prepare_airflow)
            on_call = pool.submit(self._start_on_call)
            clusters = [pool.submit(self._make_cluster, values["id"], values["tier"]) for values in files]
            on_call_topic = pool.submit(self._make_cloud, files).result()
            papers = [pool.submit(self._store_documents, firm) for firm in self.registry.values()]
            _all(clusters)
            self._write_settings([*on_call.result(), ("aws", on_call_topic)])
            _all([metadata, *papers])

    @property
    def airflow_url(self) -> str:
        return f"http://127.0.0.1:{self.airflow_port}"

    def start_airflow(self) -> None:
        """What stays up keeps its schedules: its scheduler comes when the stage is set."""
        self.airflow.start(without=SCHEDULER if self.stays_up else None)

    def site(self, firm_id: str) -> Site:
        return open_site(self.registry[firm_id], self.world.settings)

    def _start_on_call(self) -> list[tuple[str, Login]]:
        """Airflow's connections to them, with their types."""
        with self.phase("a mail server, a PagerDuty and a Slack for who is on call"):
            mail = start_mail_server(self.world.mail, self.world.remember_session)
            return [("smtp", mail), *web_logins(start_web_hooks(self.world.web_hooks, self.world.remember_session))]

    def _prepare_airflow(self) -> None:
        with self.phase("Airflow's database"):
            metadata = LocalCluster(self.world.metadata, demo_programs())
            metadata.create(sync=False)
            metadata.configure({"fsync": False, "max_connections": 200})
            metadata.start()
            environment = airflow_env(
                home=self.world.airflow,
                project_root=PROJECT,
                port=self.airflow_port,
                metadata_conn=create_metadata(metadata),
                registry_root=self.world.registry,
                keeps_schedules=self.stays_up,
            )
            write_home(self.world.airflow, self.passwords)
            own = {
                "HOME": str(self.world.airflow),
                "MUNIMENT_SETTINGS": str(self.world.settings),
                "MUNIMENT_SCRATCH": str(self.world.scratch),
            }
            self.airflow = LocalAirflow(self.world.airflow, {**environment, **own}, self.world.remember_session)
            make_tables(self.airflow, metadata)

    def _make_cloud(self, files: list[firms.FirmFile]) -> Login:
        """Returns the connection to the topic of who is on call."""
        with self.phase("S3, KMS, Secrets Manager and IAM in two regions"):
            # So that the vaults are still there when a demonstration has failed and its folder is kept.
            self.cloud = Cloud.start(self.world.cloud, persist=True)
            self.endpoint_url = self.cloud.endpoint_url
            if self.stays_up:
                gate = start_region_gate(self.world.regions, self.cloud.endpoint_url, self.world.remember_session)
                self.endpoint_url = gate
            firms.write_registry(self.world, self.cloud, files)
            write_watch_file(self.world, self.airflow_url)
            for values in files:
                firms.write_env_file(firms.env_file(self.world, values["id"]), values["id"])
            registry = load_registry(self.world.registry)
            require_sound(registry)
            self.registry = dict(registry.firms)
            for firm in self.registry.values():
                self._make_account(firm)
            self.aws_logins[WATCH] = self._watch_login()
            return make_topic(self.cloud)

    def _watch_login(self) -> Login:
        """One IAM user, who may look at each firm's vaults and change nothing."""
        firms_ = list(self.registry.values())
        login = self._aws_login(firms_[0], WATCH, "watch")
        for firm in firms_:
            may_watch(self.cloud, firm)
        return dataclasses.replace(login, id=firms_[0].as_watched.aws_connection)

    def _make_account(self, firm: Firm) -> None:
        """The firm's buckets, secrets and its own IAM user, who may do what docs/iam/ says and nothing else."""
        for place in firm.documents:
            documents.create_bucket(self.cloud.client("s3", place.region), place.bucket, place.region)
        for name in firm.configuration.secrets:
            keeper = self.cloud.client("secretsmanager", firm.vaults.primary.region)
            keeper.create_secret(Name=name, SecretString=firms.application_secret(firm.id))
        self.aws_logins[firm.id] = self._aws_login(firm, firm.id, "muniment-firm")
        setup = json.dumps(iam_policy("muniment-setup", firm))
        self.cloud.client("iam").put_user_policy(UserName=firm.id, PolicyName="setup", PolicyDocument=setup)
        for policy in OWN_LOGINS:
            login = self._aws_login(firm, user_of(firm.id, policy), policy)
            write_settings(self.settings_for(firm.id, policy), [("aws", login)])

    def _aws_login(self, firm: Firm, user: str, policy: str) -> Login:
        return aws_login(self.cloud, self.endpoint_url, firm, user, policy)

    def settings_for(self, firm_id: str, policy: str) -> Path:
        """The connections of whoever works under that policy, and nobody else's."""
        return self.world.policy_settings(firm_id, policy)

    def withdraw_setup(self, firm: Firm) -> None:
        """Once its vaults are there, nobody may make or change one with the firm's credentials."""
        self.cloud.client("iam").delete_user_policy(UserName=firm.id, PolicyName="setup")

    def _make_cluster(self, firm_id: str, tier: str) -> None:
        with self.phase(f"{firm_id}: a PostgreSQL cluster and its rows"):
            cluster = LocalCluster(self.world.data_directory(firm_id), demo_programs())
            cluster.create(sync=False)
            cluster.configure(firm_settings(cluster.programs.major))
            cluster.start()
            create_database(cluster.conninfo())
            fill(cluster.conninfo(DATABASE), Practice(firm_id, _SCALES.get(tier, 1.0)))
            self.role_passwords[firm_id] = create_role(cluster.conninfo(DATABASE))
            self.watch_passwords[firm_id] = create_role(cluster.conninfo(DATABASE), "watch-role.sql")
            self.clusters[firm_id] = cluster

    def _store_documents(self, firm: Firm) -> None:
        with self.phase(f"{firm.id}: {documents.PER_FIRM} documents"):
            for place in firm.documents:
                documents.store(self.cloud.client("s3", place.region), place.bucket, documents.first_day(firm.id))

    def _write_settings(self, on_call: list[tuple[str, Login]]) -> None:
        """airflow_settings.yaml with the connections of firms, watch and channels, and the project's own pools."""
        airflow = Login("muniment_airflow", host=self.airflow_url, user="viewer", password=self.passwords["viewer"])
        connections = [*on_call, ("http", airflow)]
        connections += [("aws", self.aws_logins[WATCH])]
        for firm in self.registry.values():
            port, watch = self.clusters[firm.id].port, firm.as_watched
            postgres = _postgres_login(firm, port, ROLE, self.role_passwords[firm.id])
            watched = _postgres_login(watch, port, WATCH_ROLE, self.watch_passwords[firm.id])
            connections += [("aws", self.aws_logins[firm.id]), ("postgres", postgres), ("postgres", watched)]
        write_settings(self.world.settings, connections)

    def archive_for_real(self, firm: Firm) -> None:
        """From now on `archive_command` is `muniment wal push`. The vault is there: nothing waits in pg_wal."""
        cluster = self.clusters[firm.id]
        settings = firm_settings(cluster.programs.major)
        command = archive_through(firm.id, self.settings_for(firm.id, WAL_PUSH), self.world.registry)
        cluster.configure({**settings, "archive_command": command})
        cluster.reload()


def _all(futures: list[Future[None]]) -> None:
    for future in futures:
        future.result()


def _postgres_login(firm: Firm, port: int, role: str, password: Secret) -> Login:
    return Login(
        firm.cluster.connection,
        host="127.0.0.1",
        port=port,
        user=role,
        password=password,
        schema=firm.cluster.database,
    )


def write_settings(file: Path, logins: list[tuple[str, Login]]) -> None:
    """The Astro CLI's schema; for its owner only."""
    file.touch(mode=0o600)
    connections = [_connection(kind, login) for kind, login in logins]
    file.write_text(yaml.safe_dump({"airflow": {"connections": connections, **_pools()}}, sort_keys=False))


def _connection(kind: str, login: Login) -> dict[str, object]:
    return {
        "conn_id": login.id,
        "conn_type": kind,
        "conn_host": login.host,
        "conn_port": login.port,
        "conn_login": login.user,
        "conn_password": login.password.reveal(),
        "conn_schema": login.schema,
        "conn_extra": dict(login.extra),
    }


def _pools() -> dict[str, object]:
    """As the project's own file has them."""
    file = PROJECT / "airflow_settings.yaml"
    airflow = yaml.safe_load(file.read_text())["airflow"] if file.exists() else {}
    return {"pools": airflow.get("pools", []), "variables": airflow.get("variables", [])}
