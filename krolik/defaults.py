"""Every default of every verb, once: the API's signatures and the CLI's options read them here."""

from __future__ import annotations

SKELETON = "rabbit"
SPLIT = "every:5"
NETWORK = "auto"
ENGINE = "native"  # Krolik's own networks, in its own process
BUDGET = "5m"
SEED = 0
MISSING = "unknown"
WORST = 10
THRESHOLD = 0.2
PCK_PX = (2.0, 5.0, 10.0, 20.0)
PCK_BODY = (0.05, 0.1, 0.2)
OUT = "krolik-results"
DEMO_OUT = "krolik-demo"
DEMO_BUDGET = "60s"
EXPORT_TO = "csv"
REPORT = "krolik-report.html"
RUN_TABLES = ("csv", "json", "hdf5")
SMOOTHING = "none"
SELECT_COUNT = 20
SUGGEST_COUNT = 20
STRATEGY = "diverse"
PORT = 8765
