-- Door: functions for many rows at once, through API Management.
-- Needs: an account hosted on Azure or elsewhere, API Management with the policy of sql/apim, and the consent of an Entra
-- administrator, once: DESCRIBE INTEGRATION <% prefix %>_API shows AZURE_CONSENT_URL.
-- Costs: the caller's warehouse while the query runs; API Management. One request carries up to MAX_BATCH_ROWS rows and is
-- repeated as a whole when it fails for a time, so batches are small where each row is a look-up of its own.
-- CONTEXT_HEADERS tell the app who asks; it believes them only of the callers that it is told to (README, settings).
-- Example: SELECT AS_OF, SUBMIT_RUN('churn-training', OBJECT_CONSTRUCT_KEEP_NULL('as_of', AS_OF), 'day-' || AS_OF) FROM DAYS;
-- Never in a view or a dashboard without a key: each look would start runs.

CREATE API INTEGRATION IF NOT EXISTS <% prefix %>_API
  API_PROVIDER = azure_api_management
  AZURE_TENANT_ID = '<% tenant_id %>'
  AZURE_AD_APPLICATION_ID = '<% app_id %>'
  API_ALLOWED_PREFIXES = ('<% api_url %>/')
  ENABLED = TRUE
  COMMENT = 'The bridge behind API Management';
-- Another tenant_id needs DROP INTEGRATION <% prefix %>_API first, and the consent once more.
ALTER API INTEGRATION <% prefix %>_API SET
  AZURE_AD_APPLICATION_ID = '<% app_id %>'
  API_ALLOWED_PREFIXES = ('<% api_url %>/');

CREATE OR REPLACE SECURE EXTERNAL FUNCTION SUBMIT_RUN(pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  COMMENT = 'Starts one Azure ML pipeline run a row; answers at once with the run''s id'
  API_INTEGRATION = <% prefix %>_API
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 100
  COMPRESSION = NONE
  AS '<% api_url %>/v1/snowflake/submit_run';
GRANT USAGE ON FUNCTION SUBMIT_RUN(VARCHAR, OBJECT, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE SECURE EXTERNAL FUNCTION RUN_AND_WAIT(pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  COMMENT = 'Starts one run a row and waits for all of a batch, 8 minutes at most; the warehouse stays up'
  API_INTEGRATION = <% prefix %>_API
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 100
  COMPRESSION = NONE
  AS '<% api_url %>/v1/snowflake/run_and_wait';
GRANT USAGE ON FUNCTION RUN_AND_WAIT(VARCHAR, OBJECT, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE SECURE EXTERNAL FUNCTION SUBMIT_CANCEL(run_id VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  COMMENT = 'Cancels one run a row'
  API_INTEGRATION = <% prefix %>_API
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 100
  COMPRESSION = NONE
  AS '<% api_url %>/v1/snowflake/cancel_run';
GRANT USAGE ON FUNCTION SUBMIT_CANCEL(VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE SECURE EXTERNAL FUNCTION SUBMIT_RERUN(run_id VARCHAR, idempotency_key VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  COMMENT = 'Starts a new run with the inputs of an old one, one a row'
  API_INTEGRATION = <% prefix %>_API
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 20
  COMPRESSION = NONE
  AS '<% api_url %>/v1/snowflake/rerun';
GRANT USAGE ON FUNCTION SUBMIT_RERUN(VARCHAR, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE SECURE EXTERNAL FUNCTION SUBMIT_REPLAY(dead_letter_id VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  COMMENT = 'Sends messages of DEAD_LETTERS once more, one a row'
  API_INTEGRATION = <% prefix %>_API
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 20
  COMPRESSION = NONE
  AS '<% api_url %>/v1/snowflake/replay';
GRANT USAGE ON FUNCTION SUBMIT_REPLAY(VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE SECURE EXTERNAL FUNCTION SUBMIT_EVENT(event_type VARCHAR, subject VARCHAR, data VARIANT, topic VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  COMMENT = 'Publishes one event a row on an allowed topic of Event Grid'
  API_INTEGRATION = <% prefix %>_API
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 100
  COMPRESSION = NONE
  AS '<% api_url %>/v1/snowflake/publish_event';
GRANT USAGE ON FUNCTION SUBMIT_EVENT(VARCHAR, VARCHAR, VARIANT, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE SECURE EXTERNAL FUNCTION SUBMIT_MESSAGE(queue VARCHAR, body VARIANT, message_id VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  COMMENT = 'Puts one message a row into an allowed queue of Service Bus'
  API_INTEGRATION = <% prefix %>_API
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 100
  COMPRESSION = NONE
  AS '<% api_url %>/v1/snowflake/send_message';
GRANT USAGE ON FUNCTION SUBMIT_MESSAGE(VARCHAR, VARIANT, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE SECURE EXTERNAL FUNCTION PING()
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  COMMENT = 'Whether Snowflake reaches the bridge'
  API_INTEGRATION = <% prefix %>_API
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  COMPRESSION = NONE
  AS '<% api_url %>/v1/snowflake/ping';
GRANT USAGE ON FUNCTION PING() TO ROLE <% prefix %>_SUBMIT;
