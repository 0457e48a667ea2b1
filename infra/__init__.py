"""What `azd` runs before and after it makes the resources; not deployed, and nothing of the app imports it."""
