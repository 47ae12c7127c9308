"""Starting long work: each is a job of its own process; the stream of events tells how far it is."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter

from krolik import defaults
from krolik import jobs as control
from krolik.actions import selecting
from krolik.engines import environments
from krolik.engines.adopting import framework_of
from krolik.engines.frameworks import framework
from krolik.errors import InvalidSetting, NotFound
from krolik.formats import FORMATS, LABELS, PREDICTIONS, writable
from krolik.inference.smoothing import Smoothing
from krolik.project import models, videos
from krolik.sampling import Wish
from krolik.server.messages import (
    AdoptMessage,
    CompareMessage,
    EvaluateMessage,
    ExportMessage,
    ImportMessage,
    InstallMessage,
    PredictMessage,
    RenderMessage,
    RunMessage,
    SelectMessage,
    SmoothingMessage,
    SuggestMessage,
    TrainMessage,
)
from krolik.server.routes.context import Project, Work
from krolik.server.stream import job_json
from krolik.server.workspace import Opened, Workspace

router = APIRouter(prefix="/api/projects/{project}")


def _start(opened: Opened, kind: str, document: dict) -> dict:
    return job_json(control.submit(opened.file, kind, document, "ui"))


@router.post("/select")
def select(message: SelectMessage, opened: Project) -> dict:
    """An automatic selection of frames."""
    names = list(message.videos)
    for name in [*names, *message.quotas]:
        videos.record(opened.file, name)
    Wish(message.count, message.strategy, *selecting.parse_range(message.range), message.seed)
    return _start(opened, "select", message.model_dump())


@router.post("/suggest")
def suggest(message: SuggestMessage, opened: Project) -> dict:
    """The frames where a model is likely wrong."""
    models.get(opened.file, message.model)
    return _start(opened, "suggest", message.model_dump())


@router.post("/plan")
def plan(message: TrainMessage, opened: Project) -> dict:
    """What a training would do and why; the job's result has the decisions."""
    return _start(opened, "plan", message.document())


@router.post("/train")
def train(message: TrainMessage, opened: Project) -> dict:
    _ensure_free(opened, message.name)
    document = message.document()
    if message.engine != defaults.ENGINE:
        environments.expected(framework(message.engine))
    return _start(opened, "train", {**document, "propose": True})


def _ensure_free(opened: Opened, name: str | None) -> None:
    if name is not None and name in {m.name for m in models.every(opened.file)}:
        raise InvalidSetting(f"a model is named {name!r} already", code="name-taken", name=name)


@router.post("/adopt")
def adopt(message: AdoptMessage, opened: Project, work: Work) -> dict:
    """A network that another framework trained."""
    _ensure_free(opened, message.name)
    source = work.places.typed(message.path)
    environments.expected(framework(framework_of(source)))
    return _start(opened, "adopt", {"source": str(source), "name": message.name, "animals": message.animals})


@router.post("/install")
def install(message: InstallMessage, opened: Project) -> dict:
    """Another framework, on this computer."""
    return _start(opened, "install", {"engine": framework(message.engine).name})


@router.post("/evaluate")
def evaluate(message: EvaluateMessage, opened: Project) -> dict:
    return _start(opened, "evaluate", {"model": models.get(opened.file, message.model).name})


@router.post("/report")
def report(message: EvaluateMessage, opened: Project) -> dict:
    """The page of a model's statistics, into the folder of exports."""
    name = models.get(opened.file, message.model).name
    return _start(opened, "report", {"model": name, "out": str(exports(opened) / f"{safe(name)}.html")})


@router.post("/compare")
def compare(message: CompareMessage, opened: Project, work: Work) -> dict:
    """Models and files on the same frames; the page goes into the folder of exports."""
    sources = [str(work.places.typed(text)) for text in message.paths]
    names = [models.get(opened.file, name).name for name in message.models]
    out = free(exports(opened), f"{opened.file.path.stem}-comparison", ".html")
    return _start(opened, "compare", {"sources": sources, "models": names, "out": str(out)})


@router.post("/predict")
def predict(message: PredictMessage, opened: Project) -> dict:
    """Predictions of videos."""
    return _start(opened, "predict", {"videos": _names(opened, message.videos), "model": _model(opened, message.model),
                                      "again": message.again})  # fmt: skip


@router.post("/run")
def run(message: RunMessage, opened: Project, work: Work) -> dict:
    """Predictions, tables and annotated videos, all in one."""
    for table in message.to:
        _check(table, writable(PREDICTIONS))
    names = _names(opened, message.videos)
    return _start(opened, "run", {
        "videos": names, "model": _model(opened, message.model), "out": str(_folder(opened, work, message.folder)),
        "to": message.to, "style": message.style.model_dump(), "smoothing": smoothing(message.smoothing).to_json(),
    })  # fmt: skip


@router.post("/export")
def export(message: ExportMessage, opened: Project, work: Work) -> dict:
    """Labels or predictions in a format of the field, or a model."""
    known = {"labels": writable(LABELS), "predictions": writable(PREDICTIONS), "model": ["model"]}[message.what]
    _check(message.to, known)
    form = FORMATS.get(message.to)
    suffix = ".onnx" if form is None else (form.suffix if message.what == "labels" else
                                           form.predictions_suffix or form.suffix)  # fmt: skip
    ids = [videos.record(opened.file, v).id for v in message.videos]
    many = (
        form is not None and form.each and message.what == "predictions" and len(ids or videos.records(opened.file)) > 1
    )
    stem = f"{opened.file.path.stem}-{message.what}-{message.to}"
    out = free(_folder(opened, work, message.folder), stem, "" if many else suffix)
    return _start(opened, "export", {
        "to": message.to, "out": str(out), "what": None if message.what == "model" else message.what,
        "model": _model(opened, message.model), "videos": ids, "smoothing": smoothing(message.smoothing).to_json(),
    })  # fmt: skip


@router.post("/render")
def render(message: RenderMessage, opened: Project, work: Work) -> dict:
    """Frames as pictures, into a folder of their own."""
    record = videos.record(opened.file, message.video)
    frames = selecting.parse_frames(message.frames)
    if frames[-1] >= record.frames:
        raise NotFound(f"no frame {frames[-1]}", record.name, code="no-frame", frame=frames[-1], last=record.frames - 1)
    out = free(_folder(opened, work, message.folder), f"{Path(record.name).stem}-frames", "")
    return _start(opened, "render", {
        "video": record.id, "out": str(out), "model": _model(opened, message.model), "frames": frames,
        "style": message.style.model_dump(), "smoothing": smoothing(message.smoothing).to_json(),
    })  # fmt: skip


@router.post("/import")
def import_labels(message: ImportMessage, opened: Project, work: Work) -> dict:
    """Labels and predictions of any format, from a file of this computer."""
    source, *places = [str(work.places.typed(text)) for text in (message.path, *message.videos)]
    return _start(opened, "import", {"source": source, "videos": places, "missing": message.missing,
                                     "unconfirmed": message.unconfirmed})  # fmt: skip


def smoothing(message: SmoothingMessage) -> Smoothing:
    """Raises InvalidSetting."""
    return Smoothing(message.method, message.frames, message.fill, message.threshold)


def exports(opened: Opened) -> Path:
    """Where results go unless another folder is chosen: beside the project."""
    path = opened.file.path.resolve()
    return path.with_name(f"{path.stem}-exports")


def safe(name: str) -> str:
    """A name without what a file's name may not have."""
    return "".join("_" if c in '\\/:*?"<>|' or ord(c) < 32 else c for c in name).strip(". ") or "model"


def free(folder: Path, stem: str, suffix: str) -> Path:
    """A name that nothing has yet: nothing is ever overwritten."""
    names = [f"{safe(stem)}{suffix}", *(f"{safe(stem)}-{i}{suffix}" for i in range(2, 10_000))]
    return next(folder / n for n in names if not (folder / n).exists())


def _folder(opened: Opened, work: Workspace, place: str | None) -> Path:
    return exports(opened) if place is None else work.places.path_of(place)


def _names(opened: Opened, wanted: list[str]) -> list[str]:
    """The ids of the wanted videos, or of all. Raises NotFound."""
    found = [videos.record(opened.file, v).id for v in wanted] or [r.id for r in videos.records(opened.file)]
    if not found:
        raise NotFound("the project has no videos", opened.file.path, code="no-videos")
    return found


def _model(opened: Opened, name: str | None) -> str | None:
    return None if name is None else models.get(opened.file, name).name


def _check(to: str, known: list[str] | tuple[str, ...]) -> None:
    if to not in known:
        raise InvalidSetting(f"{to!r} cannot be written", code="bad-request")
