"""What the page sends, checked before anything sees it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from krolik import defaults
from krolik.actions import labelling
from krolik.engines.frameworks import framework
from krolik.poses import State
from krolik.skeleton import Keypoint, Skeleton
from krolik.training.budget import Budget
from krolik.training.plan import Settings

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_#-]{1,64}$")]
Text = Annotated[str, Field(min_length=1, max_length=4096)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
FrameNumber = Annotated[int, Field(ge=0, lt=1 << 40)]
Coordinate = Annotated[float, Field(allow_inf_nan=False, ge=-1e7, le=1e7)]
Pair = Annotated[list[FrameNumber], Field(min_length=2, max_length=2)]
Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class Message(BaseModel):
    """Nothing that is not named, and no numbers as text."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PathMessage(Message):
    path: Text


class OpenMessage(Message):
    """A project, and videos and labels that are to come into it."""

    place: Id
    videos: list[Id] = Field([], max_length=500)


class CreateMessage(Message):
    """A new project in a folder, or beside the first of its videos or files of labels."""

    videos: list[Id] = Field(max_length=500)
    folder: Id | None = None
    name: Name | None = None
    skeleton: Name = "rabbit"
    keypoints: list[Name] | None = Field(None, max_length=500)


class VideosMessage(Message):
    places: list[Id] = Field(min_length=1, max_length=500)


class RelinkMessage(Message):
    place: Id


class PointMessage(Message):
    state: Literal[0, 1, 2, 3]
    x: Coordinate | None = None
    y: Coordinate | None = None


class OperationMessage(Message):
    """One of the operations of `krolik.actions.labelling`."""

    kind: Literal["points", "track", "remove", "empty", "unlabel"]
    animal: Id | None = None
    points: dict[Annotated[str, Field(pattern=r"^\d{1,9}$")], PointMessage] = Field({}, max_length=1000)
    track: Name | None = None

    def operation(self) -> labelling.Operation:
        animal = self.animal or "#0"
        match self.kind:
            case "points":
                points = {int(k): labelling.Point(State(p.state), p.x, p.y) for k, p in self.points.items()}
                return labelling.SetPoints(animal, points)
            case "track":
                return labelling.SetTrack(animal, self.track)
            case "remove":
                return labelling.RemoveAnimal(animal)
            case "empty":
                return labelling.NoAnimals()
            case "unlabel":
                return labelling.Unlabel()


class LabelMessage(Message):
    """An edit of one frame; `operation` is its name, so that it is made once however often it is sent."""

    operation: Id
    operations: list[OperationMessage] = Field(min_length=1, max_length=500)


class KeypointMessage(Message):
    id: FrameNumber
    name: Annotated[str, Field(max_length=400)]
    color: Color


class SkeletonValue(Message):
    keypoints: list[KeypointMessage] = Field(max_length=500)
    edges: list[Pair] = Field(max_length=2000)
    symmetric_pairs: list[Pair] = Field(max_length=500)

    def skeleton(self) -> Skeleton:
        """Raises InvalidLabels."""
        keypoints = tuple(Keypoint(k.id, k.name, k.color) for k in self.keypoints)
        edges, pairs = (tuple((a, b) for a, b in those) for those in (self.edges, self.symmetric_pairs))
        return Skeleton(keypoints, edges, pairs)


class SkeletonMessage(Message):
    operation: Id
    base: SkeletonValue
    skeleton: SkeletonValue


class TemplateMessage(Message):
    template: Name


class MarkMessage(Message):
    """Frames to select or unselect: numbers, or text as "3,10-20"; neither means all of the video."""

    frames: list[FrameNumber] | None = Field(None, max_length=100_000)
    text: Annotated[str, Field(max_length=10_000)] | None = None


class SelectMessage(Message):
    videos: list[Id] = Field([], max_length=500)
    count: Annotated[int, Field(ge=1, le=100_000)]
    strategy: Name
    range: Annotated[str, Field(max_length=100)] = ""
    seed: Annotated[int, Field(ge=0, lt=1 << 31)] = 0
    quotas: dict[str, Annotated[int, Field(ge=0, le=100_000)]] = Field({}, max_length=500)


class SmoothingMessage(Message):
    """How predictions are smoothed when they are shown and exported."""

    method: Literal["none", "median", "one-euro", "kalman"] = "none"
    frames: Annotated[int, Field(ge=2, le=500)] = 5
    fill: Annotated[int, Field(ge=0, le=500)] = 0
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.0


class StyleMessage(Message):
    """How poses are drawn on videos."""

    threshold: Annotated[float, Field(ge=0, le=1)] = 0.2
    names: bool = False
    edges: bool = True
    trail: Annotated[int, Field(ge=0, le=1000)] = 0


class TrainMessage(Message):
    """What is wished of a training; what is left out is decided from the data. `set` names other fields of the plan."""

    budget: Annotated[str, Field(max_length=40)] = defaults.BUDGET
    split: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    network: Name = defaults.NETWORK
    seed: Annotated[int, Field(lt=1 << 31)] = defaults.SEED
    name: Name | None = None
    folds: Annotated[int, Field(ge=0, le=100)] = 0
    pretrained: Text | None = None
    width: Annotated[float, Field(allow_inf_nan=False)] | None = None
    pipeline: Name | None = None
    scale: Annotated[float, Field(allow_inf_nan=False)] | None = None
    input_px: int | None = None
    batch_size: int | None = None
    overrides: dict[Name, Name] = Field({}, max_length=50)
    engine: Name = defaults.ENGINE

    def document(self) -> dict:
        """The arguments of the verb, without what was left out. Raises InvalidSetting for what makes no sense."""
        found = {k: v for k, v in self.model_dump().items() if v not in (None, {})}
        if self.engine != defaults.ENGINE:
            framework(self.engine).network(None if self.network == defaults.NETWORK else self.network, animals=1)
        Settings(
            self.network, self.width, pipeline=self.pipeline,  # pyright: ignore[reportArgumentType]
            scale=self.scale, input_px=self.input_px, batch_size=self.batch_size, budget=Budget.parse(self.budget),
            seed=self.seed, engine=self.engine,
        )  # fmt: skip
        return found


class AdoptMessage(Message):
    """path: the folder of a network that another framework trained. animals: in a frame at most."""

    path: Text
    name: Name | None = None
    animals: int | None = Field(None, ge=1, le=1000)


class InstallMessage(Message):
    engine: Name


class EvaluateMessage(Message):
    model: Name | None = None


class CompareMessage(Message):
    """paths: files of predictions or labels; models: none for the newest and all imported predictions."""

    paths: list[Text] = Field([], max_length=50)
    models: list[Name] = Field([], max_length=50)


class SuggestMessage(Message):
    videos: list[Id] = Field([], max_length=500)
    count: Annotated[int, Field(ge=1, le=1000)] = defaults.SUGGEST_COUNT
    model: Name | None = None


class PredictMessage(Message):
    videos: list[Id] = Field([], max_length=500)
    model: Name | None = None
    again: bool = False


class RunMessage(Message):
    videos: list[Id] = Field([], max_length=500)
    model: Name | None = None
    to: list[Name] = Field(["csv"], max_length=30)
    folder: Id | None = None
    style: StyleMessage = StyleMessage()
    smoothing: SmoothingMessage = SmoothingMessage()


class RenderMessage(Message):
    """Chosen frames of a video as pictures with the poses drawn on them: "0,10,20-30"."""

    video: Id
    frames: Annotated[str, Field(min_length=1, max_length=10_000)]
    model: Name | None = None
    folder: Id | None = None
    style: StyleMessage = StyleMessage()
    smoothing: SmoothingMessage = SmoothingMessage()


class ExportMessage(Message):
    what: Literal["labels", "predictions", "model"]
    to: Name
    videos: list[Id] = Field([], max_length=500)
    model: Name | None = None
    folder: Id | None = None
    smoothing: SmoothingMessage = SmoothingMessage()


class ImportMessage(Message):
    """videos: where the videos are that the source names, files or folders, if not where it says.

    missing: what a point that is left out means. unconfirmed: take points that nobody has confirmed as labels.
    """

    path: Text
    videos: list[Text] = Field([], max_length=500)
    missing: Literal["unknown", "absent"] = "unknown"
    unconfirmed: bool = False


class SwitchMessage(Message):
    on: bool


class NothingMessage(Message):
    """An empty object."""
