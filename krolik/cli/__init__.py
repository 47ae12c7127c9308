"""The command line: one file per command, each with one call of the API and one way to show what came of it."""
