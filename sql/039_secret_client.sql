-- The secret of the Entra application that the service is in Azure: a service has no managed identity. Written when
-- ML_BRIDGE_CLIENT_SECRET is set, else left as it is.
CREATE SECRET IF NOT EXISTS ML_BRIDGE_CLIENT_SECRET
  TYPE = GENERIC_STRING
  SECRET_STRING = '<% client_secret %>'
  COMMENT = 'Secret of the Entra application of the service';
ALTER SECRET ML_BRIDGE_CLIENT_SECRET SET SECRET_STRING = '<% client_secret %>';
