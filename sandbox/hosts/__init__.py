"""A host on this machine that is reached by real SSH: for the demo, the tests and trying things out."""
