"""The other side of both wallets on this machine: push server, Google Wallet server and phones.

Nothing of the product is imported here, and the protocols are written down a second time on purpose:
a fault in the product must not be repeated by its witness. Everything listens on loopback only.
"""
