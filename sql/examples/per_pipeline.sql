-- Who may start what, by grants of Snowflake's: a procedure for each pipeline, granted by itself. Its callers need neither
-- <% prefix %>_SUBMIT, which may start them all, nor any other right but usage of database and schema.
CREATE OR REPLACE PROCEDURE START_CHURN_TRAINING(as_of VARCHAR, idempotency_key VARCHAR DEFAULT NULL)
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python')
  HANDLER = 'run'
  COMMENT = 'Starts a run of churn-training and of nothing else'
  EXECUTE AS OWNER
AS $$
import json


def run(session, as_of, idempotency_key):
    answer = session.call("START_RUN", "churn-training", {"as_of": as_of}, idempotency_key)
    return json.loads(answer) if isinstance(answer, str) else answer
$$;
CREATE ROLE IF NOT EXISTS CHURN_TRAINERS COMMENT = 'May start churn-training';
GRANT USAGE ON DATABASE <% database %> TO ROLE CHURN_TRAINERS;
GRANT USAGE ON SCHEMA <% schema %> TO ROLE CHURN_TRAINERS;
GRANT USAGE ON PROCEDURE START_CHURN_TRAINING(VARCHAR, VARCHAR) TO ROLE CHURN_TRAINERS;
