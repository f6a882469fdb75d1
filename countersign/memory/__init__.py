"""What is kept in Redis: hot copies, counters and message ids. All of it can be lost and is made again."""
