"""Examines a deployment, or the laptop stack, and says of each fault what causes it and which command mends it.

For operators; nothing of it is deployed. It changes nothing: it reads, and looks into queues without taking anything.
"""
