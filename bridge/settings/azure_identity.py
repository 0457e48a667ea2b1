"""Who the app is for Azure: a managed identity where there is one, else a service principal that the settings name."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from bridge.settings.reader import Reader, Secret

#: What proves the application, by setting; one of them is enough, two would be a guess.
PROOFS = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE")


@dataclass(frozen=True, kw_only=True)
class AzureIdentity:
    """Without a proof, `client_id` is a user-assigned managed identity's, or empty."""

    client_id: str
    tenant_id: str
    client_secret: Secret
    certificate_file: str
    token_file: str

    @property
    def has_proof(self) -> bool:
        return bool(self.client_secret or self.certificate_file or self.token_file)

    @property
    def is_here(self) -> bool:
        """Whether this process can be it: a managed identity is not where its id is written, but on its machine."""
        return self.has_proof or "IDENTITY_ENDPOINT" in os.environ

    def for_operator(self) -> "AzureIdentity":
        """Of who runs a command: the app's where it can be had, else of whoever has signed in there."""
        return self if self.is_here else replace(self, client_id="")

    def credential_arguments(self) -> dict[str, str]:
        """For `adapters.credential.app_credential`."""
        return {
            "client_id": self.client_id,
            "tenant_id": self.tenant_id,
            "client_secret": self.client_secret.reveal(),
            "certificate_file": self.certificate_file,
            "token_file": self.token_file,
        }


def read_identity(reader: Reader) -> AzureIdentity:
    """Names as azure-identity has them, so that a cluster that sets them by itself is understood."""
    given = [name for name in PROOFS if reader.environ.get(name, "").strip()]
    if len(given) > 1:
        reader.problems.append(f"{' and '.join(given)} are set: the app proves who it is by one of them")
    identity = AzureIdentity(
        client_id=reader.text("AZURE_CLIENT_ID", is_needed=bool(given)),
        tenant_id=reader.text("AZURE_TENANT_ID", is_needed=bool(given)),
        client_secret=reader.secret("AZURE_CLIENT_SECRET"),
        certificate_file=reader.text("AZURE_CLIENT_CERTIFICATE_PATH"),
        token_file=reader.text("AZURE_FEDERATED_TOKEN_FILE"),
    )
    for name, file in (("AZURE_CLIENT_CERTIFICATE_PATH", identity.certificate_file), (PROOFS[2], identity.token_file)):
        if file and not Path(file).is_file():
            reader.problems.append(f"{name}: there is no file {file[:200]}")
    return identity
