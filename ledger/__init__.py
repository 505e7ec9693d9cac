"""The ledger's rules as pure functions: accounts, operations, transfers, lots, balances."""
