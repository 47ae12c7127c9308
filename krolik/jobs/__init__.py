"""Jobs: long work in processes of its own, which outlive the page and the server.

A job is a row in the project file. The process that does it holds a lock for as long as it lives, which the system lets
go of whatever kills it; so a row that says "running" is believed only while somebody holds that lock.
"""

from krolik.jobs.control import cancel, resume, settle, stop, submit, wait

__all__ = ["cancel", "resume", "settle", "stop", "submit", "wait"]
