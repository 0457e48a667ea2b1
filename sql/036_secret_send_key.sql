-- The key of a shared access policy with the right to send, for SEND_MESSAGE. Written when ML_BRIDGE_SEND_KEY is set,
-- else left as it is.
CREATE SECRET IF NOT EXISTS ML_BRIDGE_SEND_KEY
  TYPE = GENERIC_STRING
  SECRET_STRING = '<% send_key %>'
  COMMENT = 'Key of a shared access policy of Service Bus';
ALTER SECRET ML_BRIDGE_SEND_KEY SET SECRET_STRING = '<% send_key %>';
