"""Pure accounting of loyalty units: terms, rates, lots, operations. No SQL, no HTTP, no floats."""
