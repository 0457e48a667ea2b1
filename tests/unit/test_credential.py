"""Which identity the app takes in Azure: the one that its settings name, and none that is found by trying."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure import identity
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bridge.adapters.credential import CachedCredential, EmulatorCredential, app_credential

TENANT, APP = "11111111-aaaa-1111-1111-111111111111", "22222222-bbbb-2222-2222-222222222222"


@pytest.fixture(autouse=True)
def _nothing_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDENTITY_ENDPOINT", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_TENANT_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def certificate(tmp_path: Path) -> str:
    """With its key, as Entra's portal lets one upload it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bridge")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    file = tmp_path / "bridge.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + built.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    )
    return str(file)


def test_a_secret_a_certificate_or_a_clusters_token_makes_a_service_principal(certificate: str) -> None:
    proofs = {
        "client_secret": identity.ClientSecretCredential,
        "certificate_file": identity.CertificateCredential,
        "token_file": identity.WorkloadIdentityCredential,
    }
    for name, kind in proofs.items():
        credential = app_credential(APP, "", tenant_id=TENANT, **{name: certificate})
        assert type(credential()) is kind
        assert credential() is credential()


def test_without_a_proof_it_is_the_managed_identity_or_a_developers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(app_credential("", "")(), CachedCredential)
    assert isinstance(app_credential(APP, "")(), identity.ManagedIdentityCredential)
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1")
    assert isinstance(app_credential("", "")(), identity.ManagedIdentityCredential)


def test_an_emulator_gets_no_real_token() -> None:
    assert isinstance(
        app_credential(APP, "http://127.0.0.1:1", tenant_id=TENANT, client_secret="x")(), EmulatorCredential
    )
