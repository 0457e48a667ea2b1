-- Removes what 010_account.sql made, but neither the database nor the owner role, which may own more than the bridge.
-- What stays besides: the schema; files in the storage account; in Azure the service principals that consents made, role
-- assignments and the federated credential.
USE ROLE <% admin_role %>;
DROP USER IF EXISTS <% prefix %>_APP;
DROP WAREHOUSE IF EXISTS <% warehouse %>;
DROP RESOURCE MONITOR IF EXISTS <% prefix %>_MONITOR;
DROP COMPUTE POOL IF EXISTS <% prefix %>_POOL;
DROP ROLE IF EXISTS <% prefix %>_SERVICE;
DROP ROLE IF EXISTS <% prefix %>_WRITER;
DROP ROLE IF EXISTS <% prefix %>_EXPORT;
DROP ROLE IF EXISTS <% prefix %>_SUBMIT;
DROP ROLE IF EXISTS <% prefix %>_READ;
REVOKE DATABASE ROLE SNOWFLAKE.ALERT_VIEWER FROM ROLE <% owner_role %>;
REVOKE EXECUTE ALERT ON ACCOUNT FROM ROLE <% owner_role %>;
REVOKE EXECUTE TASK ON ACCOUNT FROM ROLE <% owner_role %>;
REVOKE CREATE INTEGRATION ON ACCOUNT FROM ROLE <% owner_role %>;
