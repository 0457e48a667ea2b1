"""Requests by every door while everything fails, then three ledgers compared: what callers were told, what Azure ML
ran, what Snowflake shows.

Each request carries a mark in its inputs, which comes back in the job and in the ledger. So the comparison knows
nothing of run ids, keys or statuses as the bridge makes them, and shares no code with it.

What it does not do: it does not scale the app, it does not lose what Azure promises to keep (a message that was taken,
a job that was made, a row that was committed), and it does not run a component.
"""
