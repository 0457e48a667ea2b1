-- What the doors of Snowflake need of the ledger. Only adds, so that an older app goes on working, and may run again.

ALTER TABLE DEAD_LETTERS ADD COLUMN IF NOT EXISTS DOOR VARCHAR;
ALTER TABLE DEAD_LETTERS ALTER COLUMN DOOR
  COMMENT 'of an event: the subscription that delivered it, which its replay needs: workspace, snowflake or custom';

CREATE TABLE IF NOT EXISTS RUN_REQUESTS (
  REQUEST_KEY VARCHAR NOT NULL COMMENT 'the idempotency key: sending a row twice starts one run',
  PIPELINE VARCHAR NOT NULL,
  INPUTS VARIANT,
  REQUESTED_AT TIMESTAMP_TZ DEFAULT CURRENT_TIMESTAMP(),
  ANSWER VARIANT COMMENT 'what START_RUN answered; a rejection is an answer too',
  ANSWERED_AT TIMESTAMP_TZ COMMENT 'NULL: not sent yet'
)
COMMENT = 'Runs to be started, written in the same transaction as what they depend on';

CREATE TABLE IF NOT EXISTS HAND_OVERS (
  RUN_ID VARCHAR NOT NULL,
  PIPELINE VARCHAR NOT NULL,
  EXPORTED_AT TIMESTAMP_TZ NOT NULL DEFAULT CURRENT_TIMESTAMP() COMMENT 'when its input files were written',
  LOADED_AT TIMESTAMP_TZ COMMENT 'when its output files were loaded; NULL: not yet',
  ROWS_LOADED NUMBER(38, 0),
  TRIES NUMBER(10, 0) NOT NULL DEFAULT 0 COMMENT 'loads that failed; after five the hand-over is left alone: set it to 0 to try again'
)
COMMENT = 'Data handed to runs as files, and what came back';
