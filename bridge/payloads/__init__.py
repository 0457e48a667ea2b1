"""Foreign and queued JSON: read strictly into the domain's words, and written from them."""
