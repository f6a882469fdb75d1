"""An execution through a proxy that repeats, delays, drops, truncates, swaps and invents answers."""
