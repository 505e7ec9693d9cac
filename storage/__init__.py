"""Tables, engine, unit of work, claims and faces: the only room that knows SQL."""
