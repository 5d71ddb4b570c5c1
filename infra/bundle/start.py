"""Where the bundled agent starts: what ``python -m agent`` does."""

from agent.__main__ import main

main()
