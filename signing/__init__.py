"""The only room that touches private keys: signatures, tokens, passwords, sealed secrets."""
