-- The ledger: append-only tables, written by the app alone. Run in the schema that the app uses (default ML_BRIDGE).
-- No primary keys: Snowflake does not enforce them, and the same fact may be written twice. The views tell repeats.

CREATE TABLE IF NOT EXISTS RUN_EVENTS (
  EVENT_ID VARCHAR NOT NULL COMMENT 'the same fact has the same id; rows may repeat',
  RUN_ID VARCHAR NOT NULL COMMENT 'also the name of the job in Azure ML',
  IS_JOB_FACT BOOLEAN NOT NULL COMMENT 'true: Azure ML said it; false: the bridge did it',
  ATTEMPT NUMBER(10, 0) NOT NULL COMMENT 'raised by a replay; 0 for job facts and notes',
  STATUS VARCHAR NOT NULL,
  RANK NUMBER(10, 0) NOT NULL COMMENT 'place in the order of statuses; 0 for notes, which change nothing',
  OCCURRED_AT TIMESTAMP_TZ NOT NULL COMMENT 'UTC',
  SOURCE VARCHAR COMMENT 'the door: external_function, http, queue:run-commands, event:custom, ...',
  PRINCIPAL VARCHAR COMMENT 'who asked, as in allow of pipelines.yaml',
  PIPELINE VARCHAR,
  FINGERPRINT VARCHAR COMMENT 'of pipeline, component version and inputs',
  INPUTS VARIANT,
  JOB_NAME VARCHAR,
  WORKSPACE VARCHAR,
  COMPONENT VARCHAR COMMENT 'azureml:name:version',
  STUDIO_URL VARCHAR,
  QUERY_ID VARCHAR,
  QUERY_BATCH_ID VARCHAR,
  ROW_NUMBER NUMBER(10, 0) COMMENT 'within the batch, from 0',
  BATCH_ROWS NUMBER(10, 0),
  CORRELATION_ID VARCHAR,
  TRACE_ID VARCHAR,
  RERUN_OF VARCHAR,
  STARTED_AT TIMESTAMP_TZ,
  ENDED_AT TIMESTAMP_TZ,
  ERROR_CODE VARCHAR,
  ERROR_MESSAGE VARCHAR,
  OUTPUTS VARIANT,
  PAYLOAD VARIANT COMMENT 'what a note has to say',
  RECORDED_AT TIMESTAMP_TZ NOT NULL DEFAULT CURRENT_TIMESTAMP()
)
COMMENT = 'What happened to each run, row by row';

CREATE TABLE IF NOT EXISTS AML_EVENTS (
  ID VARCHAR NOT NULL,
  EVENT_TYPE VARCHAR NOT NULL,
  SUBJECT VARCHAR,
  EVENT_TIME TIMESTAMP_TZ,
  DATA VARIANT,
  TOPIC VARCHAR,
  DOOR VARCHAR COMMENT 'the subscription that delivered it: workspace, snowflake or custom',
  RECORDED_AT TIMESTAMP_TZ NOT NULL DEFAULT CURRENT_TIMESTAMP()
)
COMMENT = 'Events as they came: those of our runs, of models and of drift';

CREATE TABLE IF NOT EXISTS DEAD_LETTERS (
  DEAD_LETTER_ID VARCHAR NOT NULL,
  QUEUE VARCHAR NOT NULL,
  BODY VARCHAR COMMENT 'the message, cut to 60,000 characters',
  BODY_SHA256 VARCHAR COMMENT 'of the whole message',
  REASON VARCHAR,
  DESCRIPTION VARCHAR,
  RUN_ID VARCHAR,
  MESSAGE_ID VARCHAR,
  OCCURRED_AT TIMESTAMP_TZ,
  RECORDED_AT TIMESTAMP_TZ NOT NULL DEFAULT CURRENT_TIMESTAMP()
)
COMMENT = 'Messages that could not be handled';

CREATE TABLE IF NOT EXISTS RULE_ACTIONS (
  ACTION_ID VARCHAR NOT NULL,
  RULE VARCHAR NOT NULL,
  EVENT_ID VARCHAR,
  ACTION VARCHAR COMMENT 'what was done, or NONE',
  REASON VARCHAR COMMENT 'why not: cool_down, loop_guard, dry_run, ...',
  RUN_ID VARCHAR,
  PAYLOAD VARIANT,
  OCCURRED_AT TIMESTAMP_TZ,
  RECORDED_AT TIMESTAMP_TZ NOT NULL DEFAULT CURRENT_TIMESTAMP()
)
COMMENT = 'Which event fired which rule, and what came of it';
