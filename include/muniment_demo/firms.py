"""The demonstration's registry: the firms of include/firms/, and as many more like them as wanted, with real keys."""

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from muniment_demo.cloud import Cloud
from muniment_demo.prose import Prose
from muniment_demo.world import PROJECT, World

type FirmFile = dict[str, Any]
"""One firm's YAML."""

APPROVER = "lead"
_TIERS = ("starter", "professional", "enterprise")


def firm_files(count: int) -> list[FirmFile]:
    """The three of include/firms/ first; the others are of each tier in turn and named by number."""
    templates = _templates()
    return [templates[number] if number < len(_TIERS) else _like(templates, number) for number in range(count)]


def _templates() -> list[FirmFile]:
    files = [yaml.safe_load(path.read_text()) for path in (PROJECT / "include" / "firms").glob("*.yaml")]
    return sorted(files, key=lambda values: _TIERS.index(values["tier"]))


def _like(templates: list[FirmFile], number: int) -> FirmFile:
    """A copy whose every name, bucket and connection is its own."""
    model = templates[number % len(_TIERS)]
    firm_id = f"firm-{number + 1:03d}"
    text = json.dumps(model).replace(model["id"], firm_id)
    text = text.replace(model["id"].replace("-", "_"), firm_id.replace("-", "_"))
    prose = Prose(firm_id)
    return {**json.loads(text), "name": f"{prose.person().split()[-1]} & {prose.person().split()[-1]} LLP"}


def write_registry(world: World, cloud: Cloud, files: list[FirmFile]) -> None:
    """Tiers and application as they are; each firm with its own keys of this cloud, `.env` and data directory, and an
    approver whose key is at hand."""
    for folder in ("policies", "applications"):
        shutil.copytree(PROJECT / "include" / folder, world.registry / folder)
    (world.registry / "firms").mkdir()
    key = write_approver_key(world.approver_key)
    for values in files:
        finished = _with_keys(copy.deepcopy(values), cloud)
        finished["cluster"]["live"] = {"data_directory": str(world.data_directory(values["id"]))}
        finished.setdefault("configuration", {})["env_files"] = [str(env_file(world, values["id"]))]
        approvers = finished["restore"]["approvers"]
        finished["restore"]["approvers"] = [
            {"name": each, "key": key} if each == APPROVER else each for each in approvers
        ]
        text = yaml.safe_dump(finished, allow_unicode=True, sort_keys=False)
        (world.registry / "firms" / f"{values['id']}.yaml").write_text(text)


def write_approver_key(path: Path) -> str:
    """A new pair as `ssh-keygen -t ed25519` makes it; returns the public line. For its owner only."""
    private = Ed25519PrivateKey.generate()
    line = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() + f" {APPROVER}"
    path.parent.mkdir(parents=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    path.with_name(f"{path.name}.pub").write_text(line + "\n")
    return line


def _with_keys(values: FirmFile, cloud: Cloud) -> FirmFile:
    for side, place in values["vaults"].items():
        place["kms_key"] = cloud.create_key(place["region"], f"{values['id']}-{side}")
    return values


def env_file(world: World, firm_id: str) -> Path:
    return world.firm(firm_id) / "config" / ".env"


def write_env_file(path: Path, firm_id: str) -> None:
    """What a product's deployment has beside it. Every value is made up."""
    path.parent.mkdir(parents=True)
    path.touch(mode=0o600)
    path.write_text("\n".join(_env_lines(firm_id)) + "\n")


def _env_lines(firm_id: str) -> Iterator[str]:
    random = Prose(f"{firm_id} env").random
    yield f"APP_BASE_URL=https://{firm_id}.practice.example"
    yield f"SESSION_KEY={random.randbytes(32).hex()}"
    yield f"SMTP_PASSWORD={random.randbytes(12).hex()}"
    yield "FEATURE_FLAGS=ai-drafting,conflict-checks"


def application_secret(firm_id: str) -> str:
    """For Secrets Manager."""
    random = Prose(f"{firm_id} secret").random
    return json.dumps({"database_password": random.randbytes(16).hex(), "esign_api_key": random.randbytes(24).hex()})
