"""What a user would write instead of Countersign, doing the same work: in plain asyncio, and durably with DBOS."""
