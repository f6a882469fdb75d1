"""Pages that stay true while they are open: what changed is rendered again and sent to the browser as it happens."""
