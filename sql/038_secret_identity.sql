-- The identity of the keyless doors. It holds no key: Snowflake signs tokens for it, which the Entra application
-- client_id trusts once it has a federated credential with the issuer and the subject that
-- DESCRIBE SECRET ML_BRIDGE_IDENTITY shows. Never replaced, because a new one has another subject.
CREATE SECRET IF NOT EXISTS ML_BRIDGE_IDENTITY
  TYPE = WORKLOAD_IDENTITY_FEDERATION
  COMMENT = 'Identity of the doors without keys';
