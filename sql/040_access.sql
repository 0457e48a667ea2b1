-- Where the procedures may go and what they may carry: nothing but the hosts of the chosen doors.
-- Needs an account that is no trial: those have no external access. Costs nothing by itself.
-- A new rule is another object than the one that the integration names, so both are always replaced together.
CREATE OR REPLACE NETWORK RULE ML_BRIDGE_HOSTS
  MODE = EGRESS
  TYPE = HOST_PORT
  VALUE_LIST = (<% allowed_hosts %>)
  COMMENT = 'Hosts of the bridge';

CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION <% prefix %>_ACCESS
  ALLOWED_NETWORK_RULES = (ML_BRIDGE_HOSTS)
  ALLOWED_AUTHENTICATION_SECRETS = (<% allowed_secrets %>)
  ENABLED = TRUE
  COMMENT = 'The bridge: what its procedures may call, and with which secrets';
