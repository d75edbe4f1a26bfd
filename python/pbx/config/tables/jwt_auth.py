"""`[proxy.jwt_auth]`: tokens in place of digest."""

from typing import Annotated

from pydantic import AfterValidator, SecretStr, model_validator

from pbx.config.tables.scalars import HeaderName, NonEmpty, OptText
from pbx.config.tables.table import UNSET, Table, key, refuse, refuse_at

MIN_SECRET_OCTETS = 16


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < MIN_SECRET_OCTETS:
        raise refuse(f"at least {MIN_SECRET_OCTETS} octets are needed")
    return secret


LongSecret = Annotated[SecretStr, AfterValidator(_long_enough)]


class JwtAuth(Table):
    """JSON Web Tokens, HS256."""

    enabled: bool = key(False, "Whether tokens are accepted.")
    secret: Annotated[LongSecret | None, UNSET] = key(None, "HS256 key; required if enabled.")
    user_id_claim: NonEmpty = key("userId", "Claim with the user name.")
    issuer: OptText = key(None, "Must match if set.")
    audience: OptText = key(None, "Must match if set.")
    sip_header_name: HeaderName = key("X-Auth-Token", "SIP header with the token.")
    ws_token_param: NonEmpty = key("token", "WebSocket query parameter with the token.")
    check_local_user: bool = key(False, "True: a user backend must know the user as well.")

    @model_validator(mode="after")
    def _has_secret(self) -> "JwtAuth":
        if self.enabled and self.secret is None:
            raise refuse_at("secret", "required while tokens are enabled")
        return self
