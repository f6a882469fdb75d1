"""What AI agents may do, by the Model Context Protocol: read, ask what would happen, propose. No more is there."""
