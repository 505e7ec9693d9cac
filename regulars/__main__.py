"""`python -m regulars`, the same as the `regulars` command."""

from regulars.command import main

main(prog_name="regulars")
