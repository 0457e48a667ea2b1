-- Door: an event straight to the custom topic of Event Grid; the app need not be up.
-- Needs: 040_access.sql, the secret ML_BRIDGE_TOPIC_KEY.
-- Costs: the caller's warehouse for about a second an event, the first one on a warehouse that has just started up to half a
-- minute, because it installs the packages. No answer but that the topic has the event.
-- Example: CALL PUBLISH_EVENT('Bridge.SubmitRun', 'nightly', {'pipeline': 'churn-training', 'inputs': {'as_of': '2026-11-02'}}::VARIANT);

-- PUBLISH_EVENT_JSON takes its data as JSON text, because of a VARIANT Python would get numbers with a fraction as text.
CREATE OR REPLACE PROCEDURE PUBLISH_EVENT_JSON(event_type VARCHAR, subject VARCHAR, data_json VARCHAR, event_id VARCHAR DEFAULT NULL)
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python', 'requests')
  HANDLER = 'run'
  EXTERNAL_ACCESS_INTEGRATIONS = (<% prefix %>_ACCESS)
  SECRETS = ('topic_key' = ML_BRIDGE_TOPIC_KEY)
  COMMENT = 'What PUBLISH_EVENT calls, with the data as JSON text'
  EXECUTE AS OWNER
AS $$
<% doors_py %>


def run(session, event_type, subject, data_json, event_id):
    door = EventGridDoor("https://<% topic_host %>/api/events", EventGridKey("topic_key"))
    return publish_event(door, event_type, subject, data_json, event_id)
$$;

CREATE OR REPLACE PROCEDURE PUBLISH_EVENT(event_type VARCHAR, subject VARCHAR, data VARIANT, event_id VARCHAR DEFAULT NULL)
  RETURNS VARIANT
  LANGUAGE SQL
  COMMENT = 'Publishes one event on the custom topic of Event Grid'
  EXECUTE AS OWNER
AS $$
DECLARE
  answer VARIANT;
BEGIN
  CALL PUBLISH_EVENT_JSON(:event_type, :subject, TO_JSON(:data), :event_id) INTO :answer;
  RETURN answer;
END;
$$;
GRANT USAGE ON PROCEDURE PUBLISH_EVENT(VARCHAR, VARCHAR, VARIANT, VARCHAR) TO ROLE <% prefix %>_SUBMIT;
