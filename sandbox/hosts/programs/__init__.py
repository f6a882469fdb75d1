"""Stand-ins for what runs on a host. Each keeps its state in the machine's file and can be told to misbehave."""
