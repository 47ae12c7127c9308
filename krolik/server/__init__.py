"""The user interface's server: HTTP on loopback, for one person's own browser."""
