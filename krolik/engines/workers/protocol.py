"""What the workers have in common: how they are told what to do, tell how it goes, and end.

A worker is a script that runs in the environment of another framework; nothing of Krolik can be imported there. Its one
argument is a JSON file, the task. Each line that it prints is a JSON object: {"progress": ...}, {"note": ...},
{"kept": ...}, {"error": ...} or, as the last one, {"result": ...}. What the framework itself prints goes to the
standard error, a log. It ends its training when there is a file named "stop" in the task's folder, and ends itself when
its standard input is closed: Krolik is gone then.

What a training needs to go on after an interruption is kept now and then: files of the framework and PACE in a folder
of their own, whose name is told. Krolik takes them away; when the training goes on they lie in BEFORE in the task's
folder.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

STOP, BEFORE, PACE = "stop", "before", "pace.json"
PROGRESS_SECONDS, CURVE_POINTS = 0.5, 200
UNKEPT = "no checkpoint can be kept (the disk is full); make room before the training ends"


class Finished(BaseException):
    """The training has come to its end. No Exception: a framework might catch that."""


class Refused(Exception):
    """What cannot be done, in a sentence; `fix` is what to do instead."""

    def __init__(self, what: str, fix: str = ""):
        super().__init__(what)
        self.what, self.fix = what, fix


class Talk:
    """The way back to Krolik."""

    def __init__(self):
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)  # frameworks print
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for Krolik, which then says what to do
        threading.Thread(target=self._watch, daemon=True).start()

    def say(self, **message):
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def _watch(self):
        while os.read(0, 1):
            pass
        os._exit(1)


class Pace:
    """Counts steps, tells how far the training is, and says when it is to end."""

    def __init__(self, talk, task, schedule):
        """schedule: the steps after which the framework ends by itself."""
        self._talk, self._folder = talk, Path(task["folder"])
        self._seconds, self._most = task["seconds"], task["steps"]
        self._schedule, self._started, self._told = schedule, time.monotonic(), 0.0
        self._keep_seconds, self._kept, self._number = task["keep_seconds"], time.monotonic(), 0
        self._losses, self._every, self._warned = [], 1, False
        self.steps, self.curve = 0, []
        self.until = 1.0  # what part of the time or of the steps that are given is used when step() says so
        before = self._folder / BEFORE / PACE
        if before.exists():
            known = json.loads(before.read_text("utf-8"))
            self.steps, self.curve, self._every = known["steps"], known["curve"], known["every"]
            self._started -= known["seconds"]

    @property
    def seconds(self):
        return time.monotonic() - self._started

    def step(self, loss):
        """After each step. Raises Finished when it was the last one."""
        self.steps += 1
        self._losses.append(float(loss))
        if len(self._losses) == self._every:
            self._note()
        if time.monotonic() - self._told > PROGRESS_SECONDS:
            self._told = time.monotonic()
            self._talk.say(progress=self.fraction, steps=self.steps, loss=float(loss), seconds_left=self._left())
        if self.fraction >= 1 or self._used >= self.until or self.stopped:
            raise Finished

    def keep(self, write):
        """Keeps what write(folder) puts into a folder, unless that was done a moment ago. After any step."""
        if time.monotonic() - self._kept < self._keep_seconds:
            return
        self._number += 1
        folder = self._folder / f"kept-{self._number}"
        known = {"steps": self.steps, "seconds": self.seconds, "curve": self.curve, "every": self._every}
        try:
            folder.mkdir()
            write(folder)
            (folder / PACE).write_text(json.dumps(known), "utf-8")
            self._talk.say(kept=folder.name)
        except (OSError, RuntimeError):  # PyTorch's word for a full disk is the second one
            shutil.rmtree(folder, ignore_errors=True)
            if not self._warned:
                self._talk.say(note=UNKEPT)
            self._warned = True
        self._kept = time.monotonic()

    @property
    def stopped(self):
        """Whether it was told to end."""
        return (self._folder / STOP).exists()

    @property
    def fraction(self):
        return min(1.0, max(self.steps / self._schedule, self._used))

    @property
    def _used(self):
        by_time = self.seconds / self._seconds if self._seconds is not None else 0.0
        return max(by_time, self.steps / self._most if self._most is not None else 0.0)

    def _left(self):
        done = self.fraction
        return self.seconds * (1 - done) / done if done > 0 else None

    def _note(self):
        """One point of the curve; where there are many, every second one is kept and each stands for twice as many."""
        mean = sum(self._losses) / len(self._losses)
        self.curve.append({"steps": self.steps, "seconds": self.seconds, "loss": mean})
        self._losses = []
        if len(self.curve) >= CURVE_POINTS:
            self.curve, self._every = self.curve[1::2], 2 * self._every


def run(work):
    """Calls work(task, talk) and tells its result, or why there is none."""
    talk = Talk()
    task = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    try:
        talk.say(result=work(task, talk))
    except Refused as error:
        talk.say(error=error.what, fix=error.fix)
        raise SystemExit(2) from error


def before(task, name):
    """A file that an interrupted training left; None where there is none."""
    file = Path(task["folder"]) / BEFORE / name
    return file if file.exists() else None


def order(own, wanted):
    """Places of a network's keypoints in the order in which the project has them; as they are where it has others."""
    return [own.index(n) for n in (wanted if sorted(own) == sorted(wanted) else own)]


def some(frames, count):
    """The numbers of some frames, evenly taken."""
    return sorted({number * len(frames) // count for number in range(count)})


def padded(size, multiple):
    """(width, height), each rounded up to a multiple."""
    return [-(-side // multiple) * multiple for side in size]
