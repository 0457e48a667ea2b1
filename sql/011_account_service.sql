-- What only an account administrator can make for the service of 077_service.sql, once: the role that owns it, and the
-- machines that it runs on. The service has what this role has and no more: the ledger, by <% prefix %>_WRITER.
-- Costs: a compute pool costs as long as a service runs on it, day and night; it is suspended when none does.
USE ROLE <% admin_role %>;

CREATE ROLE IF NOT EXISTS <% prefix %>_SERVICE COMMENT = 'Owns the service that the bridge is: what the service may do';
GRANT ROLE <% prefix %>_WRITER TO ROLE <% prefix %>_SERVICE;
GRANT ROLE <% prefix %>_SERVICE TO ROLE <% owner_role %>;

CREATE COMPUTE POOL IF NOT EXISTS <% prefix %>_POOL
  MIN_NODES = 1
  MAX_NODES = <% service_instances %>
  INSTANCE_FAMILY = CPU_X64_S
  AUTO_RESUME = TRUE
  INITIALLY_SUSPENDED = TRUE
  AUTO_SUSPEND_SECS = 300
  COMMENT = 'The bridge: the machines of its service';
ALTER COMPUTE POOL <% prefix %>_POOL SET MAX_NODES = <% service_instances %>;
GRANT MONITOR, OPERATE ON COMPUTE POOL <% prefix %>_POOL TO ROLE <% owner_role %>;
GRANT USAGE ON COMPUTE POOL <% prefix %>_POOL TO ROLE <% prefix %>_SERVICE;
