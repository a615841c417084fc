"""What KMS answers to the kit, by its code: as the product takes it."""

import boto3
import pytest
from botocore.config import Config

from muniment.adapters.vault.envelope import kms_envelope
from muniment.restore_kit import restore
from muniment_demo.cloud import ROOT as ROOT_CREDENTIALS
from muniment_demo.cloud import Cloud
from tests.fixtures.faults import FaultProxy
from tests.golden.vaults import KEY, KEY_NAME, REGION, upload
from tests.restore_kit.kit import Kit

CONTEXT = {"muniment:firm": "acme", "muniment:key": "points/1.json"}
BY_KMS = f"{REGION}/kms"


@pytest.fixture
def vault(cloud: Cloud, kit: Kit, faulty_store: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> restore.Vault:
    """Whose messages a key of KMS opens, which answers through the proxy and is asked once."""
    (kit.folder / "key").write_bytes(KEY)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ROOT_CREDENTIALS.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ROOT_CREDENTIALS.secret_access_key.reveal())
    found = restore.Vault(
        upload(cloud, "vault-3"), REGION, None, cloud.endpoint_url, (str(kit.folder / "key"), KEY_NAME)
    )
    once = Config(retries={"total_max_attempts": 1})
    found._client = lambda service, region: boto3.client(
        service, region_name=region, endpoint_url=faulty_store.endpoint_url, config=once
    )
    return found


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("ThrottlingException", restore.Failed, "KMS did not open"),
        ("ExpiredTokenException", restore.Failed, "KMS did not open"),
        ("NobodyKnowsThis", restore.Failed, "KMS did not open"),
        ("AccessDeniedException", restore.Failed, "the key cannot open"),
        ("DisabledException", restore.Failed, "the key cannot open"),
        ("InvalidCiphertextException", restore.Damaged, "is damaged"),
    ],
)
def test_the_code_tells_damage_from_a_kms_that_does_not_answer(
    cloud: Cloud, vault: restore.Vault, faulty_store: FaultProxy, code: str, kind: type[restore.Failed], said: str
) -> None:
    arn = cloud.create_key(REGION, f"kit-{code}")
    message = kms_envelope([(arn, cloud.client("kms", REGION))]).encrypt(b"x", CONTEXT)
    vault._keyring = vault._kms_keyring(arn)
    assert vault._opened("points/1.json", message, CONTEXT, is_right=False) == b"x"
    faulty_store.refuse(code, 400, region=BY_KMS)
    with pytest.raises(restore.Failed, match=said) as failed:
        vault._opened("points/1.json", message, CONTEXT, is_right=False)
    assert type(failed.value) is kind
