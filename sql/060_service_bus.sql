-- Door: a message straight to a queue of Service Bus; the app need not be up.
-- Needs: 040_access.sql, the secret ML_BRIDGE_SEND_KEY, of a policy with the right to send and no other.
-- Costs: the caller's warehouse for about a second a message, the first one on a warehouse that has just started up to half a
-- minute, because it installs the packages. No answer but that the message is in the queue.
-- The token is made in the handler; a message id that repeats is one run (once only, see README).
-- Example: CALL SEND_MESSAGE('run-commands', {'pipeline': 'churn-training', 'inputs': {'as_of': '2026-11-02'}}::VARIANT);

-- SEND_MESSAGE_JSON takes its body as JSON text, because of a VARIANT Python would get numbers with a fraction as text.
CREATE OR REPLACE PROCEDURE SEND_MESSAGE_JSON(queue VARCHAR, body_json VARCHAR, message_id VARCHAR DEFAULT NULL)
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python', 'requests')
  HANDLER = 'run'
  EXTERNAL_ACCESS_INTEGRATIONS = (<% prefix %>_ACCESS)
  SECRETS = ('send_key' = ML_BRIDGE_SEND_KEY)
  COMMENT = 'What SEND_MESSAGE calls, with the body as JSON text'
  EXECUTE AS OWNER
AS $$
<% doors_py %>


def run(session, queue, body_json, message_id):
    door = ServiceBusDoor("<% service_bus_host %>", SharedAccessKey("send_key", "<% service_bus_key_name %>"))
    return send_message(door, queue, body_json, message_id)
$$;

CREATE OR REPLACE PROCEDURE SEND_MESSAGE(queue VARCHAR, body VARIANT, message_id VARCHAR DEFAULT NULL)
  RETURNS VARIANT
  LANGUAGE SQL
  COMMENT = 'Puts one message into a queue of Service Bus'
  EXECUTE AS OWNER
AS $$
DECLARE
  answer VARIANT;
BEGIN
  CALL SEND_MESSAGE_JSON(:queue, TO_JSON(:body), :message_id) INTO :answer;
  RETURN answer;
END;
$$;
GRANT USAGE ON PROCEDURE SEND_MESSAGE(VARCHAR, VARIANT, VARCHAR) TO ROLE <% prefix %>_SUBMIT;
