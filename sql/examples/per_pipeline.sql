-- Who may start what, by grants of Snowflake's: a procedure for each pipeline, granted by itself. Its callers need neither
-- <% prefix %>_SUBMIT, which may start them all, nor any other right but usage of database and schema.
CREATE OR REPLACE PROCEDURE START_CHURN_TRAINING(as_of VARCHAR, idempotency_key VARCHAR DEFAULT NULL)
  RETURNS VARIANT
  LANGUAGE SQL
  COMMENT = 'Starts a run of churn-training and of nothing else'
  EXECUTE AS OWNER
AS $$
DECLARE
  answer VARIANT;
BEGIN
  CALL START_RUN('churn-training', OBJECT_CONSTRUCT_KEEP_NULL('as_of', :as_of), :idempotency_key) INTO :answer;
  RETURN answer;
END;
$$;
-- The owner role may make no roles.
USE ROLE <% admin_role %>;
CREATE ROLE IF NOT EXISTS CHURN_TRAINERS COMMENT = 'May start churn-training';
USE ROLE <% owner_role %>;
GRANT USAGE ON DATABASE <% database %> TO ROLE CHURN_TRAINERS;
GRANT USAGE ON SCHEMA <% schema %> TO ROLE CHURN_TRAINERS;
GRANT USAGE ON PROCEDURE START_CHURN_TRAINING(VARCHAR, VARCHAR) TO ROLE CHURN_TRAINERS;
