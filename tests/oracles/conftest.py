"""The table of what was opened by what, at the end of the run."""

ROWS: list[tuple[str, str, str]] = []


def pytest_terminal_summary(terminalreporter):
    if ROWS:
        terminalreporter.section("written by Krolik, opened by")
        for row in ROWS:
            terminalreporter.write_line(" | ".join(f"{cell:<26}" for cell in row))
