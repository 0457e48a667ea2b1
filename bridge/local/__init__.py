"""The laptop stack: emulators of the four services and of the Functions host. Never deployed."""
