"""Every default of every verb, once: the API's signatures and the CLI's options read them here."""

from __future__ import annotations

SKELETON = "rabbit"
SPLIT = "every:5"
NETWORK = "unet"
BUDGET = "5m"
SEED = 0
MISSING = "unknown"
WORST = 10
THRESHOLD = 0.2
OUT = "krolik-results"
DEMO_OUT = "krolik-demo"
DEMO_BUDGET = "60s"
EXPORT_TO = "csv"
RUN_TABLES = ("csv", "json", "hdf5")
