"""Chat: conversations, their messages, and the runs that write the answers."""
