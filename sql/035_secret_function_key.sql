-- The function key of the app, for START_RUN and its kin. Written when ML_BRIDGE_FUNCTION_KEY is set, else left as it is.
CREATE SECRET IF NOT EXISTS ML_BRIDGE_KEY
  TYPE = GENERIC_STRING
  SECRET_STRING = '<% function_key %>'
  COMMENT = 'Function key of the app';
ALTER SECRET ML_BRIDGE_KEY SET SECRET_STRING = '<% function_key %>';
