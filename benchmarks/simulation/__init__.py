"""A day of the bridge at any number of runs, as arithmetic over documented limits; `benchmarks/simulate.py` runs it."""
