// The labelling of one video: the frame on the screen, what is selected on it, and the edits.
import { call, operationName, type Animal, type Document, type Ghost, type Operation, type Point, type Video } from "./api";
import { labelSize } from "./frames";
import { t } from "./i18n.svelte";
import { Known } from "./known.svelte";
import { Outbox } from "./outbox.svelte";
import { Player } from "./player.svelte";
import { ABSENT, OCCLUDED, VISIBLE, clamped, dropped, interpolated, isProbable, nameOf, named, placeOf,
         setPoints, swapped, type Place } from "./pose";
import type { Project } from "./project.svelte";
import { following, type Spot } from "./queue";
import { complain, say } from "./toasts.svelte";
import { inside, type Size } from "./view";

export const MODES = ["sequence", "loop", "pose"] as const;
export type Mode = (typeof MODES)[number];
const ADVANCE_MS = 350; // time to see the last point before the next frame comes
interface Neighbour { frame: number; document: Document }
interface Neighbours { before: Neighbour | null; after: Neighbour | null }

export class Labelling {
  player: Player;
  mode = $state<Mode>("sequence");
  /** The animal and keypoint that the next click is for; `armed` is whether a click places it. */
  animal = $state<string>("");
  keypoint = $state<number>(-1);
  armed = $state(false);
  advancing = $state(localStorage.getItem("krolik.advance") !== "no");
  private proposals = $state.raw<{ frame: number; ghosts: Ghost[] } | null>(null);
  private known: Known;
  private lastShape: Animal | null = null;
  private clipboard: Animal[] | null = null;
  private animalsBefore = 1;
  private arrived = -1; // the frame that is ready for clicks
  private coming = false; // whether one is on its way to be that
  private waiting: (() => unknown)[] = []; // what was clicked and pressed on a frame before it was ready
  private begun = false; // the person asked for a new animal
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(public project: Project, public video: Video, public outbox: Outbox) {
    this.player = new Player(project.id, video, (frame) => void this.go(frame));
    this.known = new Known(this.base, video, outbox);
    this.keypoint = project.skeleton.keypoints[0]?.id ?? -1;
  }

  get base() {
    return `/api/projects/${this.project.id}/videos/${this.video.id}`;
  }

  get frame() {
    return this.player.shown;
  }

  /** (width, height) in which labels are given. */
  get size(): Size {
    return labelSize(this.video, this.player.bitmap);
  }

  get keypoints() {
    return this.project.skeleton.keypoints;
  }

  get document(): Document | null | undefined {
    return this.known.documentOf(this.frame);
  }

  get animals(): Animal[] {
    return this.document?.instances ?? [];
  }

  get current(): Animal | undefined {
    return this.animals.find((a) => a.id === this.animal);
  }

  /** Proposals to accept: interpolated ones, else what a model says of a frame without labels. */
  get ghosts(): Ghost[] {
    if (this.proposals?.frame === this.frame) return this.proposals.ghosts;
    return this.document === null ? this.known.ghostsOf(this.frame) : [];
  }

  get editable() {
    return this.player.settled && this.document !== undefined && !this.project.snapshot.read_only;
  }

  // --- frames ---------------------------------------------------------------------------------------------------

  async go(frame: number, preview = false) {
    clearTimeout(this.timer);
    this.player.go(frame, preview);
    this.arrived = -1;
    this.waiting = [];
    this.coming = !preview;
    if (preview) return;
    const to = this.player.wanted;
    await this.known.learn(to);
    if (to === this.player.wanted && this.arrived !== to) this.arrive();
  }

  /** Does something once the frame on the screen is ready for it: no click or key is lost, and none overtakes another. */
  whenKnown(act: () => unknown) {
    if (!this.coming || !this.player.settled) act();
    else this.waiting.push(act);
  }

  /** What was done on the frame before its labels were known is done now; where they cannot be known it is dropped. */
  private arrive() {
    const acts = this.waiting.splice(0);
    this.coming = false;
    const document = this.known.documentOf(this.player.wanted);
    if (document !== undefined) this.arrived = this.player.wanted;
    this.ready(document);
    if (document !== undefined) acts.forEach((act) => act());
  }

  /** On a frame without labels the first keypoint waits for a click; labels that are there are not touched. */
  private ready(document: Document | null | undefined) {
    const first = document?.instances[0];
    this.begun = false;
    if (this.mode === "loop" && this.keypoint >= 0) {
      this.animal = first?.id ?? operationName().slice(0, 8);
      this.armed = first?.points[this.keypoint] === undefined;
      return;
    }
    this.keypoint = this.keypoints[0]?.id ?? -1;
    this.animal = first?.id ?? operationName().slice(0, 8);
    this.armed = document === null;
    if (document?.instances.length) this.animalsBefore = document.instances.length;
  }

  /** Somebody changed frames of this video: what is known of them is fetched again. */
  async touched(subjects: [string, string][], all = false) {
    const mine = subjects.filter(([kind, subject]) => kind === "frame" && subject.startsWith(`${this.video.id}/`));
    if (!all && subjects.some(([kind]) => kind === "skeleton")) all = true;
    if (!mine.length && !all) return;
    const changed = new Set(mine.map(([, subject]) => Number(subject.split("/")[1])));
    const to = this.player.wanted;
    // the frame on the screen, and the one that comes, keep their labels until the new ones are here
    this.known.keep((frame) => frame === this.frame || frame === to || !(all || changed.has(frame)));
    await this.known.learn(Math.max(0, to), true);
    if (to === this.player.wanted && this.arrived !== to && !this.player.playing) return this.arrive();
    // an animal that somebody else began on this frame is the one to go on with; the picture may be another one's yet
    const animals = this.known.documentOf(this.player.wanted)?.instances ?? [];
    const first = animals[0];
    if (!first || animals.some((a) => a.id === this.animal) || this.begun) return;
    this.animal = first.id;
    if (first.points[this.keypoint]) this.armed = false;
  }

  saved(frame: number, document: Document | null, revision: number) {
    this.known.saved(frame, document, revision);
  }

  /** The next or previous frame of the work queue, also in other videos; null when nothing waits. */
  queued(direction: 1 | -1): Spot | null {
    const here = { video: this.video.id, frame: this.player.wanted };
    // what was labelled a moment ago waits no longer, also where the project's news of that are on their way
    const queue = this.project.queue.filter((q) => q.video !== here.video || q.frame === here.frame || !this.known.documentOf(q.frame));
    return following(queue, this.project.snapshot.videos.map((v) => v.id), here, direction);
  }

  /** The nearest labelled frame in a direction. */
  labelled(direction: 1 | -1): number | null {
    const frames = this.project.overview.lanes[this.video.id]?.labelled ?? [];
    const sorted = direction === 1 ? frames : [...frames].reverse();
    return sorted.find((f) => direction * (f - this.player.wanted) > 0) ?? null;
  }

  // --- edits ----------------------------------------------------------------------------------------------------

  private edit(...operations: Operation[]): boolean {
    if (!this.editable) {
      if (this.project.snapshot.read_only) say(t("error.read-only"), "error");
      return false;
    }
    this.outbox.push(this.video.id, this.frame, operations);
    return true;
  }

  set(points: Record<string, Point | null>, animal = this.animal): boolean {
    return this.edit(setPoints(animal, points));
  }

  /** A click at a place of the image. `advance` is called when the frame is done. */
  click(place: Place, advance: () => void) {
    if (!this.editable) return;
    if (!inside(this.size, ...place)) {
      say(t("error.outside-frame", { name: this.nameOf(this.keypoint) }), "error");
      return;
    }
    if (this.mode === "pose" && !this.current) {
      this.edit(setPoints(this.animal, dropped(this.project.skeleton, this.lastShape, place, this.size)));
      return;
    }
    if (!this.armed || this.keypoint < 0) return;
    this.set({ [this.keypoint]: [VISIBLE, ...place] });
    this.placed(advance);
  }

  /** Looked for and not there; goes on to the next keypoint. */
  absent(advance: () => void) {
    if (this.keypoint < 0 || !this.set({ [this.keypoint]: [ABSENT] })) return;
    this.placed(advance);
  }

  /** After a keypoint got its label: the next one that has none is armed; with the last one the frame is done. */
  private placed(advance: () => void) {
    if (this.mode === "loop") {
      this.armed = false;
      this.later(advance);
      return;
    }
    const animal = this.current;
    const place = this.keypoints.findIndex((k) => k.id === this.keypoint);
    const lacking = this.keypoints.filter((k) => !animal?.points[k.id]);
    const following = lacking.find((k) => this.keypoints.indexOf(k) > place);
    if (following) {
      this.keypoint = following.id;
      this.armed = true;
      return;
    }
    this.armed = false;
    if (lacking.length) return;
    if (this.animals.length < this.animalsBefore) this.newAnimal();
    else this.later(advance);
  }

  private later(advance: () => void) {
    if (!this.advancing) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { if (!this.closed) advance(); }, ADVANCE_MS);
  }

  /** Visible → occluded → absent → visible again at its last place. */
  cycle(animal: string, keypoint: number) {
    const point = this.animals.find((a) => a.id === animal)?.points[keypoint];
    if (!point || point.length === 1) return;
    this.set({ [keypoint]: point[0] === VISIBLE ? [OCCLUDED, point[1], point[2]] : [ABSENT] }, animal);
  }

  /** Occluded ↔ visible, for the chosen keypoint or else the one that was placed last. */
  toggleOccluded() {
    const animal = this.current;
    const index = this.keypoints.findIndex((k) => k.id === this.keypoint);
    const before = this.keypoints.slice(0, index).reverse().find((k) => placeOf(animal?.points[k.id]));
    const id = placeOf(animal?.points[this.keypoint]) ? this.keypoint : before?.id;
    const point = id === undefined ? undefined : animal?.points[id];
    if (id === undefined || !point || point.length === 1) return;
    this.set({ [id]: [point[0] === VISIBLE ? OCCLUDED : VISIBLE, point[1], point[2]] });
  }

  /** Makes the chosen point unknown, or else the one that was placed last. */
  remove() {
    const animal = this.current;
    if (!animal) return;
    const index = this.keypoints.findIndex((k) => k.id === this.keypoint);
    const before = this.keypoints.slice(0, index).reverse().find((k) => animal.points[k.id]);
    const id = animal.points[this.keypoint] ? this.keypoint : before?.id;
    if (id === undefined) return;
    if (this.set({ [id]: null })) {
      this.keypoint = id;
      this.armed = true;
    }
  }

  removeAnimal() {
    if (this.current && this.edit({ kind: "remove", animal: this.animal })) this.choose(this.animals[0]?.id);
  }

  /** "No animal here": the frame was looked at and is empty; again: it is unlabelled. */
  noAnimal() {
    const empty = this.document && !this.document.instances.length;
    if (this.edit({ kind: empty ? "unlabel" : "empty" })) this.armed = Boolean(empty);
  }

  newAnimal() {
    this.begun = true;
    this.animal = operationName().slice(0, 8);
    this.keypoint = this.keypoints[0]?.id ?? -1;
    this.armed = true;
  }

  choose(animal?: string) {
    this.begun = false;
    this.animal = animal ?? operationName().slice(0, 8);
    this.armed = animal === undefined;
  }

  chooseNext(direction: 1 | -1) {
    const { animals } = this;
    if (!animals.length) return;
    const at = animals.findIndex((a) => a.id === this.animal);
    this.choose(animals[(at + direction + animals.length) % animals.length]!.id);
  }

  /** Chooses a keypoint; a click then places it if it has no place yet. */
  pick(keypoint: number) {
    this.keypoint = keypoint;
    this.armed = !placeOf(this.current?.points[keypoint]);
  }

  step(direction: 1 | -1) {
    const at = this.keypoints.findIndex((k) => k.id === this.keypoint);
    const to = this.keypoints[(at + direction + this.keypoints.length) % this.keypoints.length];
    if (to) this.pick(to.id);
  }

  nudge(dx: number, dy: number) {
    const point = this.current?.points[this.keypoint];
    if (!point || point.length === 1) return;
    const moved: Point = [point[0], clamped(point[1] + dx, this.size[0]), clamped(point[2] + dy, this.size[1])];
    this.set({ [this.keypoint]: moved });
  }

  setState(keypoint: number, state: number, fallback: Place) {
    const place = placeOf(this.current?.points[keypoint]) ?? fallback;
    this.set({ [keypoint]: state === 0 ? null : state === ABSENT ? [ABSENT] : [state, ...place] });
  }

  swap() {
    if (!this.project.skeleton.symmetric_pairs.length) say(t("label.no-pairs"));
    else if (this.current) this.set(swapped(this.current, this.project.skeleton));
  }

  setTrack(track: string | null) {
    if (this.current) this.edit({ kind: "track", animal: this.animal, track });
  }

  // --- copies and proposals -------------------------------------------------------------------------------------

  private async neighbours(): Promise<Neighbours | null> {
    try {
      await this.outbox.flush();
      return await call<Neighbours>("GET", `${this.base}/neighbours/${this.frame}`);
    } catch (error) {
      complain(error);
      return null;
    }
  }

  /** Remembers the shape for whole poses from the labelled frame before this one. */
  async learnShape() {
    const near = await this.neighbours();
    this.lastShape = near?.before?.document.instances[0] ?? near?.after?.document.instances[0] ?? this.lastShape;
  }

  /** Copies the labels of the labelled frame before: all animals, or one point. */
  async copyPrevious(keypoint: number | null = null) {
    const frame = this.frame;
    const near = await this.neighbours();
    if (frame !== this.frame) return;
    if (!near?.before) {
      say(t("label.nothing-before"));
      return;
    }
    const { instances } = near.before.document;
    if (keypoint !== null) {
      const point = instances.find((a) => a.id === this.animal || instances.length === 1)?.points[keypoint];
      if (point) this.set({ [keypoint]: point });
    } else this.paste(instances);
  }

  copy() {
    if (!this.animals.length) return;
    this.clipboard = this.current ? [this.current] : this.animals;
    say(t("label.copied"));
  }

  paste(animals = this.clipboard) {
    if (!animals?.length) return;
    const operations = animals.map((animal, i) =>
      setPoints(this.animals[i]?.id ?? (i === 0 && !this.animals.length ? this.animal : operationName().slice(0, 8)),
                animal.points));
    if (this.edit(...operations)) this.armed = false;
  }

  async interpolate() {
    const frame = this.frame;
    const near = await this.neighbours();
    if (frame !== this.frame) return;
    if (!near?.before || !near.after) {
      say(t("label.not-between"));
      return;
    }
    const fraction = (frame - near.before.frame) / (near.after.frame - near.before.frame);
    this.proposals = { frame, ghosts: interpolated(near.before.document, near.after.document, fraction) };
  }

  /** Takes a proposal over as labels: one animal's point where it was dragged to, or all that are probable. */
  accept(ghost: Ghost, moved: Record<string, Place> = {}, only?: number): Operation[] {
    const entries = Object.entries(ghost).filter(([id, point]) => (only === undefined ? isProbable(point) : Number(id) === only));
    const points = Object.fromEntries(entries.map(([id, [x, y]]) => {
      const [px, py] = moved[id] ?? [x, y];
      return [id, [VISIBLE, clamped(px, this.size[0]), clamped(py, this.size[1])] as Point];
    }));
    const [animal, track] = [this.animal || operationName().slice(0, 8), nameOf(ghost)];
    return [setPoints(animal, points), ...(track ? [{ kind: "track", animal, track } as Operation] : [])];
  }

  /** Whether one can go on: where nothing that is proposed is probable, a person has to look. */
  acceptAll(): boolean {
    if (!this.ghosts.length) return true;
    const probable = this.ghosts.filter((ghost) => Object.values(ghost).some(isProbable));
    if (!probable.length) {
      say(t("label.nothing-probable"));
      return false;
    }
    const operations = probable.flatMap((ghost, i) => {
      const animal = operationName().slice(0, 8);
      return i === 0 ? this.accept(ghost) : this.accept(ghost).map((operation) => ({ ...operation, animal }) as Operation);
    });
    this.proposals = null;
    this.armed = false;
    return this.edit(...operations);
  }

  /** A proposed point was dragged: that point becomes a label, the others stay proposals. */
  acceptDragged(ghost: Ghost, keypoint: number, place: Place) {
    const rest = this.ghosts.map((g) => {
      if (g !== ghost) return g;
      const { [keypoint]: _, ...others } = g;
      return named(others, nameOf(g));
    });
    const frame = this.frame;
    if (this.edit(...this.accept(ghost, { [keypoint]: place }, keypoint))) this.proposals = { frame, ghosts: rest };
  }

  dropProposals() {
    this.proposals = { frame: this.frame, ghosts: [] };
  }

  nameOf(keypoint: number) {
    return this.keypoints.find((k) => k.id === keypoint)?.name ?? "";
  }

  setAdvancing(on: boolean) {
    this.advancing = on;
    localStorage.setItem("krolik.advance", on ? "yes" : "no");
  }

  cancelAdvance() {
    clearTimeout(this.timer);
  }

  close() {
    this.closed = true;
    this.known.close();
    clearTimeout(this.timer);
    this.player.close();
  }
}
