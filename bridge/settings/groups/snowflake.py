"""The ledger."""

from bridge.settings.setting import Group, ReadBy, Setting

_SIGN_IN = "one of several ways to sign in"
_EMULATOR = "for emulators only"
_OUTSIDE = "for a container outside of Azure"

SNOWFLAKE = Group(
    title="Snowflake",
    settings=(
        Setting(name="SNOWFLAKE_ACCOUNT", example="myorg-myaccount", meaning="The account with the ledger."),
        Setting(name="SNOWFLAKE_USER", example="ML_BRIDGE_APP", meaning="The user that writes the ledger."),
        Setting(name="SNOWFLAKE_DATABASE", example="ML", meaning="The ledger's database."),
        Setting(name="SNOWFLAKE_SCHEMA", default="ML_BRIDGE", meaning="The ledger's schema."),
        Setting(name="SNOWFLAKE_ROLE", default="ML_BRIDGE_WRITER", meaning="The role that writes it."),
        Setting(name="SNOWFLAKE_WAREHOUSE", default="ML_BRIDGE_WH", meaning="The warehouse that writes it."),
        Setting(
            name="SNOWFLAKE_AUTHENTICATOR",
            default="WORKLOAD_IDENTITY",
            choices=("WORKLOAD_IDENTITY", "SNOWFLAKE_JWT", "OAUTH", "PROGRAMMATIC_ACCESS_TOKEN", "SNOWFLAKE"),
            meaning="How the app signs in. `SNOWFLAKE`, by password, is for the emulator only.",
        ),
        Setting(
            name="SNOWFLAKE_PRIVATE_KEY",
            default="",
            needed="with `SNOWFLAKE_JWT`",
            is_secret=True,
            not_in_example=_SIGN_IN,
            meaning="The user's private key.",
        ),
        Setting(
            name="SNOWFLAKE_TOKEN",
            default="",
            needed="with `OAUTH`, `PROGRAMMATIC_ACCESS_TOKEN`",
            is_secret=True,
            not_in_example=_SIGN_IN,
            meaning="The token.",
        ),
        Setting(
            name="SNOWFLAKE_TOKEN_FILE",
            default="",
            needed="in Snowpark Container Services: `/snowflake/session/token`",
            not_in_example=_OUTSIDE,
            meaning="A file with the token of `OAUTH`, read at each login. The user and the role are then the token's.",
        ),
        Setting(
            name="SNOWFLAKE_PASSWORD",
            default="",
            needed="with `SNOWFLAKE`",
            is_secret=True,
            not_in_example=_EMULATOR,
            meaning="Of the emulator, which does not check it.",
        ),
        Setting(
            name="MANAGED_IDENTITY_CLIENT_ID",
            default="",
            read_by=ReadBy.LIBRARY,
            not_in_example="only with a user-assigned identity",
            meaning="The client id of a user-assigned identity again, for Snowflake's connector.",
        ),
    ),
)
