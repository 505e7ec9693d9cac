"""What every room stands on: errors, clock, ids, money and words. Imports nothing of ours."""
