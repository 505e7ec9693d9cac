"""What a pass says, and how each wallet wants it. Pure: no database, no key, no network."""
