"""managedFields: who set which field, and server-side apply, which decides by it."""
