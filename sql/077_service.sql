-- The bridge itself as a service in Snowpark Container Services: the HTTP functions behind service functions, and the
-- queue handlers beside them, in the place of a function app. Run again, it takes another image and other settings.
-- Needs: the image <% service_image %> in ML_BRIDGE_IMAGES (076_service_images.sql); the secret ML_BRIDGE_CLIENT_SECRET;
-- an account that is no trial. To start it again without a change: ALTER SERVICE <% service %> SUSPEND; then RESUME;
-- Costs: the compute pool, as long as the service runs; it never suspends itself, because queues are always read.

-- Where the service may go. Nothing else is reached, and nobody comes in but service functions.
CREATE OR REPLACE NETWORK RULE ML_BRIDGE_SERVICE_HOSTS
  MODE = EGRESS
  TYPE = HOST_PORT
  VALUE_LIST = (<% service_hosts %>)
  COMMENT = 'Hosts of the service: Entra, Azure ML, Service Bus by AMQP';
CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION <% prefix %>_SERVICE_ACCESS
  ALLOWED_NETWORK_RULES = (ML_BRIDGE_SERVICE_HOSTS)
  ENABLED = TRUE
  COMMENT = 'The bridge: what its service may call';
GRANT USAGE ON INTEGRATION <% prefix %>_SERVICE_ACCESS TO ROLE <% prefix %>_SERVICE;

GRANT USAGE ON DATABASE <% database %> TO ROLE <% prefix %>_SERVICE;
GRANT USAGE, CREATE SERVICE ON SCHEMA <% schema %> TO ROLE <% prefix %>_SERVICE;
GRANT READ ON SECRET ML_BRIDGE_CLIENT_SECRET TO ROLE <% prefix %>_SERVICE;

-- The service has its owner's rights, so it is not made by the owner role, which may do far more.
USE ROLE <% prefix %>_SERVICE;
CREATE SERVICE IF NOT EXISTS <% service %>
  IN COMPUTE POOL <% prefix %>_POOL
  FROM SPECIFICATION $$
<% service_specification %>
$$
  EXTERNAL_ACCESS_INTEGRATIONS = (<% prefix %>_SERVICE_ACCESS)
  AUTO_RESUME = TRUE
  MIN_INSTANCES = 1
  MAX_INSTANCES = <% service_instances %>
  QUERY_WAREHOUSE = <% warehouse %>
  COMMENT = 'The bridge to Azure ML';
ALTER SERVICE <% service %>
  FROM SPECIFICATION $$
<% service_specification %>
$$;
ALTER SERVICE <% service %> SET
  EXTERNAL_ACCESS_INTEGRATIONS = (<% prefix %>_SERVICE_ACCESS)
  MAX_INSTANCES = <% service_instances %>
  QUERY_WAREHOUSE = <% warehouse %>;
-- For the functions of 078_service_functions.sql. Whoever has this service role reaches the endpoint itself and could say
-- any role of Snowflake's in a header: give it to nobody else.
GRANT SERVICE ROLE <% service %>!CALLERS TO ROLE <% owner_role %>;
USE ROLE <% owner_role %>;
