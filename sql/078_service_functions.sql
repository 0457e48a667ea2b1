-- Door: the same functions on a service in Snowpark Container Services, so that nothing leaves Snowflake but what the
-- service sends. Instead of 050_external_functions.sql: the names are the same, so that no query need be changed.
-- Needs: the service <% service %> of 077_service.sql, whose endpoint api answers the routes below.
-- Costs: a compute pool that runs all the time; the caller's warehouse while the query runs.

CREATE OR REPLACE FUNCTION SUBMIT_RUN(pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  SERVICE = <% service %>
  ENDPOINT = api
  COMMENT = 'Starts one Azure ML pipeline run a row; answers at once with the run''s id'
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 100
  AS '/api/v1/snowflake/submit_run';
GRANT USAGE ON FUNCTION SUBMIT_RUN(VARCHAR, OBJECT, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE FUNCTION RUN_AND_WAIT(pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  SERVICE = <% service %>
  ENDPOINT = api
  COMMENT = 'Starts one run a row and waits for all of a batch, 8 minutes at most; the warehouse stays up'
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 100
  AS '/api/v1/snowflake/run_and_wait';
GRANT USAGE ON FUNCTION RUN_AND_WAIT(VARCHAR, OBJECT, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE FUNCTION SUBMIT_CANCEL(run_id VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  SERVICE = <% service %>
  ENDPOINT = api
  COMMENT = 'Cancels one run a row'
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 100
  AS '/api/v1/snowflake/cancel_run';
GRANT USAGE ON FUNCTION SUBMIT_CANCEL(VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE FUNCTION SUBMIT_RERUN(run_id VARCHAR, idempotency_key VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  SERVICE = <% service %>
  ENDPOINT = api
  COMMENT = 'Starts a new run with the inputs of an old one, one a row'
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 20
  AS '/api/v1/snowflake/rerun';
GRANT USAGE ON FUNCTION SUBMIT_RERUN(VARCHAR, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE FUNCTION SUBMIT_REPLAY(dead_letter_id VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  SERVICE = <% service %>
  ENDPOINT = api
  COMMENT = 'Sends messages of DEAD_LETTERS once more, one a row'
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 20
  AS '/api/v1/snowflake/replay';
GRANT USAGE ON FUNCTION SUBMIT_REPLAY(VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE FUNCTION SUBMIT_EVENT(event_type VARCHAR, subject VARCHAR, data VARIANT, topic VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  SERVICE = <% service %>
  ENDPOINT = api
  COMMENT = 'Publishes one event a row on an allowed topic of Event Grid'
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 100
  AS '/api/v1/snowflake/publish_event';
GRANT USAGE ON FUNCTION SUBMIT_EVENT(VARCHAR, VARCHAR, VARIANT, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE FUNCTION SUBMIT_MESSAGE(queue VARCHAR, body VARIANT, message_id VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  SERVICE = <% service %>
  ENDPOINT = api
  COMMENT = 'Puts one message a row into an allowed queue of Service Bus'
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  MAX_BATCH_ROWS = 100
  AS '/api/v1/snowflake/send_message';
GRANT USAGE ON FUNCTION SUBMIT_MESSAGE(VARCHAR, VARIANT, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE FUNCTION PING()
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  SERVICE = <% service %>
  ENDPOINT = api
  COMMENT = 'Whether Snowflake reaches the bridge'
  CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_USER, CURRENT_ROLE)
  AS '/api/v1/snowflake/ping';
GRANT USAGE ON FUNCTION PING() TO ROLE <% prefix %>_SUBMIT;
