-- The door by external functions, through API Management. Needs CREATE INTEGRATION, once.
-- Templates: <% tenant_id %>, <% app_id %> (audience of the tokens), <% api_url %> (the API in API Management).

CREATE API INTEGRATION IF NOT EXISTS ML_BRIDGE_API
  API_PROVIDER = azure_api_management
  AZURE_TENANT_ID = '<% tenant_id %>'
  AZURE_AD_APPLICATION_ID = '<% app_id %>'
  API_ALLOWED_PREFIXES = ('<% api_url %>/')
  ENABLED = TRUE;

CREATE OR REPLACE SECURE EXTERNAL FUNCTION SUBMIT_RUN(pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR)
  RETURNS VARIANT NOT NULL
  CALLED ON NULL INPUT
  VOLATILE
  COMMENT = 'Starts one Azure ML pipeline run a row; answers at once with the run''s id'
  API_INTEGRATION = ML_BRIDGE_API
  MAX_BATCH_ROWS = 2000
  AS '<% api_url %>/v1/snowflake/submit_run';

CREATE OR REPLACE SECURE EXTERNAL FUNCTION PING()
  RETURNS VARIANT NOT NULL
  VOLATILE
  COMMENT = 'Whether Snowflake reaches the bridge'
  API_INTEGRATION = ML_BRIDGE_API
  AS '<% api_url %>/v1/snowflake/ping';
