"""`python -m clinic.cli` is `afterglow`."""

from clinic.cli import main

main()
