-- An access key of the Event Grid topic, for PUBLISH_EVENT. Written when ML_BRIDGE_TOPIC_KEY is set, else left as it is.
CREATE SECRET IF NOT EXISTS ML_BRIDGE_TOPIC_KEY
  TYPE = GENERIC_STRING
  SECRET_STRING = '<% topic_key %>'
  COMMENT = 'Access key of the Event Grid topic';
ALTER SECRET ML_BRIDGE_TOPIC_KEY SET SECRET_STRING = '<% topic_key %>';
