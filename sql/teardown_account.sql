-- Removes what 010_account.sql made, but neither the database nor the owner role, which may own more than the bridge.
USE ROLE <% admin_role %>;
DROP USER IF EXISTS <% prefix %>_APP;
DROP WAREHOUSE IF EXISTS <% warehouse %>;
DROP RESOURCE MONITOR IF EXISTS <% prefix %>_MONITOR;
DROP ROLE IF EXISTS <% prefix %>_WRITER;
DROP ROLE IF EXISTS <% prefix %>_SUBMIT;
DROP ROLE IF EXISTS <% prefix %>_READ;
REVOKE EXECUTE ALERT ON ACCOUNT FROM ROLE <% owner_role %>;
REVOKE EXECUTE TASK ON ACCOUNT FROM ROLE <% owner_role %>;
REVOKE CREATE INTEGRATION ON ACCOUNT FROM ROLE <% owner_role %>;
