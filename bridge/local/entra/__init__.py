"""An emulator of Entra: one tenant that exchanges Snowflake's tokens for its own, and publishes the keys it signs with.

Its tokens have the issuers of the real Entra, so that the app checks them as it would there; only the address at which
the app finds the keys is another one. Keys are made when it starts, and nobody else has them.

Where the facts come from: learn.microsoft.com, "OAuth 2.0 client credentials flow", "Access token claims reference",
"Microsoft Entra authentication and authorization error codes"; error answers as quoted in issues of
azure-sdk-for-python and azure-workload-identity.

What it does not do
-------------------
* No users, no sign-in pages, no other grant than client_credentials, no client secrets and no certificates.
* It does not fetch the issuer's keys: of Snowflake's token it checks form, issuer, subject, audience and time, never
  the signature. Real Entra reads the issuer's openid-configuration and does.
* Applications and what they trust come from a file. Every application gets a token for every resource, as in a real
  tenant unless assignment is required. There are no roles and no consent.
* Keys are published without certificates (`x5c`, `x5t`). Real keys roll over by themselves; here by `POST /rotate`.
* Tokens live 3599 seconds of real time; `/clock` moves nothing.
"""
