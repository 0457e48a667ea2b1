"""How fast and how cheap the bridge is, side by side with what people would use instead and with the limit."""
