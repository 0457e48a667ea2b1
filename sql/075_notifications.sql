-- Door: Snowflake's own notifications to an Event Grid topic of their own: run requests by SYSTEM$SEND_SNOWFLAKE_NOTIFICATION
-- (examples/notify.sql), and the failures of tasks that name it as ERROR_INTEGRATION.
-- Needs: an account hosted on Azure; the consent of an Entra administrator, once: DESCRIBE INTEGRATION <% prefix %>_EVENTS
-- shows AZURE_CONSENT_URL; the role EventGrid Data Sender on the topic for the application that the consent makes.
-- Another topic or tenant_id needs DROP INTEGRATION <% prefix %>_EVENTS first: the documentation of ALTER contradicts itself.
-- Costs: nothing but the statement. No answer: the run is found in RUNS by its key's source, event:snowflake.
CREATE NOTIFICATION INTEGRATION IF NOT EXISTS <% prefix %>_EVENTS
  ENABLED = TRUE
  DIRECTION = OUTBOUND
  TYPE = QUEUE
  NOTIFICATION_PROVIDER = AZURE_EVENT_GRID
  AZURE_EVENT_GRID_TOPIC_ENDPOINT = 'https://<% notification_topic_host %>/api/events'
  AZURE_TENANT_ID = '<% tenant_id %>'
  COMMENT = 'The bridge: notifications to Event Grid';
GRANT USAGE ON INTEGRATION <% prefix %>_EVENTS TO ROLE <% prefix %>_SUBMIT;
