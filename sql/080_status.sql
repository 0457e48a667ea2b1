-- Asking after a run from SQL. RUN_STATUS is for one run; for many, join RUNS.
CREATE OR REPLACE SECURE FUNCTION RUN_STATUS(wanted_run_id VARCHAR)
  RETURNS VARIANT
  COMMENT = 'The row of RUNS_ALL of one run, as an object; NULL when the ledger does not know it (yet)'
AS $$
  SELECT ANY_VALUE(OBJECT_CONSTRUCT_KEEP_NULL(
    'run_id', r.RUN_ID,
    'status', r.STATUS,
    'pipeline', r.PIPELINE,
    'attempt', r.ATTEMPT,
    'accepted_at', r.ACCEPTED_AT,
    'submitted_at', r.SUBMITTED_AT,
    'started_at', r.STARTED_AT,
    'ended_at', r.ENDED_AT,
    'inputs', r.INPUTS,
    'outputs', r.OUTPUTS,
    'error_code', r.ERROR_CODE,
    'error_message', r.ERROR_MESSAGE,
    'studio_url', r.STUDIO_URL,
    'fingerprint', r.FINGERPRINT,
    'rerun_of', r.RERUN_OF,
    'conflicts', r.CONFLICTS
  ))::VARIANT
  FROM RUNS_ALL AS r
  WHERE r.RUN_ID = wanted_run_id
$$;
GRANT USAGE ON FUNCTION RUN_STATUS(VARCHAR) TO ROLE <% prefix %>_READ;
GRANT USAGE ON FUNCTION RUN_STATUS(VARCHAR) TO ROLE <% prefix %>_SUBMIT;
