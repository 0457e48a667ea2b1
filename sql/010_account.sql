-- What only an account administrator can make, once: roles, warehouse with its limit, database, the app's user.
-- Not needed again, unless one of its values changes: set account_script: false until then.
-- The owner role may make integrations and run tasks, so that no later deployment needs an administrator.
USE ROLE <% admin_role %>;

CREATE ROLE IF NOT EXISTS <% owner_role %> COMMENT = 'Owns and deploys the bridge to Azure ML';
CREATE ROLE IF NOT EXISTS <% prefix %>_SUBMIT COMMENT = 'May start, cancel and wait for runs';
CREATE ROLE IF NOT EXISTS <% prefix %>_READ COMMENT = 'May read what became of runs';
CREATE ROLE IF NOT EXISTS <% prefix %>_WRITER COMMENT = 'The bridge itself: writes the ledger';
-- Whoever may hand over data may start runs too, because that is what a hand-over does.
CREATE ROLE IF NOT EXISTS <% prefix %>_EXPORT COMMENT = 'May hand data to runs as files, and read what others handed over';
GRANT ROLE <% prefix %>_SUBMIT TO ROLE <% prefix %>_EXPORT;
GRANT ROLE <% prefix %>_EXPORT TO ROLE <% owner_role %>;
GRANT ROLE <% prefix %>_SUBMIT TO ROLE <% owner_role %>;
GRANT ROLE <% prefix %>_READ TO ROLE <% owner_role %>;
GRANT ROLE <% prefix %>_WRITER TO ROLE <% owner_role %>;
GRANT ROLE <% owner_role %> TO ROLE SYSADMIN;

-- A steady trickle of statements keeps a warehouse awake; the monitor is what it may cost at most.
CREATE RESOURCE MONITOR IF NOT EXISTS <% prefix %>_MONITOR WITH
  CREDIT_QUOTA = <% credit_quota %>
  FREQUENCY = MONTHLY
  START_TIMESTAMP = IMMEDIATELY
  TRIGGERS
    ON 75 PERCENT DO NOTIFY
    ON 100 PERCENT DO SUSPEND
    ON 110 PERCENT DO SUSPEND_IMMEDIATE;
ALTER RESOURCE MONITOR <% prefix %>_MONITOR SET CREDIT_QUOTA = <% credit_quota %>;
CREATE WAREHOUSE IF NOT EXISTS <% warehouse %>
  WAREHOUSE_SIZE = XSMALL
  AUTO_SUSPEND = 60
  AUTO_RESUME = TRUE
  INITIALLY_SUSPENDED = TRUE
  COMMENT = 'The bridge: its inserts and its tasks';
ALTER WAREHOUSE <% warehouse %> SET RESOURCE_MONITOR = <% prefix %>_MONITOR;
GRANT USAGE, OPERATE ON WAREHOUSE <% warehouse %> TO ROLE <% owner_role %>;
GRANT USAGE ON WAREHOUSE <% warehouse %> TO ROLE <% prefix %>_WRITER;

CREATE DATABASE IF NOT EXISTS <% database %> COMMENT = 'Holds the schema of the bridge to Azure ML';
GRANT USAGE, CREATE SCHEMA ON DATABASE <% database %> TO ROLE <% owner_role %>;

-- Of every kind: the documentation has no narrower privilege for each of the four kinds.
GRANT CREATE INTEGRATION ON ACCOUNT TO ROLE <% owner_role %>;
GRANT EXECUTE TASK ON ACCOUNT TO ROLE <% owner_role %>;
GRANT EXECUTE ALERT ON ACCOUNT TO ROLE <% owner_role %>;
-- For SNOWFLAKE.ALERT.SCHEDULED_TIME and its kin (examples/alert.sql).
GRANT DATABASE ROLE SNOWFLAKE.ALERT_VIEWER TO ROLE <% owner_role %>;

-- No password and no key: the function app's managed identity is the proof. An Entra administrator consents once to
-- Snowflake's application for workload identities (docs/snowflake.md).
CREATE USER IF NOT EXISTS <% prefix %>_APP
  TYPE = SERVICE
  DEFAULT_ROLE = <% prefix %>_WRITER
  DEFAULT_WAREHOUSE = <% warehouse %>
  WORKLOAD_IDENTITY = (
    TYPE = AZURE
    ISSUER = 'https://login.microsoftonline.com/<% tenant_id %>/v2.0'
    SUBJECT = '<% app_identity_id %>'
  )
  COMMENT = 'The function app of the bridge';
ALTER USER <% prefix %>_APP SET WORKLOAD_IDENTITY = (
  TYPE = AZURE
  ISSUER = 'https://login.microsoftonline.com/<% tenant_id %>/v2.0'
  SUBJECT = '<% app_identity_id %>'
);
GRANT ROLE <% prefix %>_WRITER TO USER <% prefix %>_APP;

-- The next script needs the owner role in this very session. Others who deploy get it by hand.
SET deployer = CURRENT_USER();
GRANT ROLE <% owner_role %> TO USER IDENTIFIER($deployer);
