"""The named things that can be done on a host; one module each, listed in `registry`."""
