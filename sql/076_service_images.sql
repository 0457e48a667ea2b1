-- Where the image of the service is pushed to, before 077_service.sql makes the service of it (docs/container.md).
-- Costs: the storage of the images.
CREATE IMAGE REPOSITORY IF NOT EXISTS ML_BRIDGE_IMAGES
  COMMENT = 'Images of the bridge as a container';
GRANT READ ON IMAGE REPOSITORY ML_BRIDGE_IMAGES TO ROLE <% prefix %>_SERVICE;
