"""Our own OpenAI-compatible API: every model connected here, under one address and one token."""
