"""`python -m krolik` is `krolik`."""

from krolik.cli.main import main

if __name__ == "__main__":
    main()
