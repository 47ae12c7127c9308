"""SLEAP's packages (.pkg.slp): labels and the images of their frames in one file. Read like any .slp."""

from dataclasses import replace

from krolik.formats import sleap_slp
from krolik.formats.sleap_slp import write_package

__all__ = ["CARRIES", "write_labels"]

CARRIES = replace(sleap_slp.CARRIES, images=True)
write_labels = write_package
