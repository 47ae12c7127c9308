// Watching what a model says of a video: the frame on the screen, the poses around it, the curves over all of it.
import { call, type Curves, type Pose, type Run, type Smoothing, type Video } from "./api";
import { latest } from "./latest";
import { Player } from "./player.svelte";
import type { Project } from "./project.svelte";
import { complain } from "./toasts.svelte";

const CHUNK = 256; // frames of poses that are fetched together
const MOST_CHUNKS = 24;
const WAIT_MS = 250; // after a change of the smoothing, before it is asked for

export class Results {
  player: Player;
  runs = $state.raw<Run[]>([]);
  run = $state.raw<Run | null>(null);
  curves = $state.raw<Curves | null>(null);
  animal = $state(-1); // the only one that is shown; -1: all
  private chunks = $state.raw(new Map<number, Record<string, Pose[]>>());
  private asked = new Set<number>();
  private version = 0;
  private newest = false; // whether the newest predictions are to be shown
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(public project: Project, public video: Video) {
    this.player = new Player(project.id, video);
    this.player.go(Number(sessionStorage.getItem(`krolik.frame.${video.id}`) ?? 0));
    void this.learnRuns();
  }

  private get base() {
    return `/api/projects/${this.project.id}/videos/${this.video.id}`;
  }
  private get query() {
    const { method, frames, fill, threshold } = this.project.watching.smoothing;
    return `run=${this.run!.id}&method=${method}&frames=${frames}&fill=${fill}&threshold=${threshold}`;
  }

  /** Fetches which predictions there are; the chosen one stays chosen unless `newest` is wanted. */
  learnRuns(newest = false): Promise<void> {
    this.newest ||= newest;
    return this.takeRuns(call<Run[]>("GET", `${this.base}/runs`));
  }
  private takeRuns = latest<Run[]>((runs) => {
    this.runs = runs;
    const known = runs.find((r) => r.id === this.run?.id);
    if (this.newest || !known) this.choose(runs.find((r) => r.ranges.length)?.id ?? -1);
    else this.run = known;
    this.newest = false;
  });

  choose(id: number) {
    this.run = this.runs.find((r) => r.id === id) ?? null;
    this.forget();
  }
  chooseAnimal(animal: number) {
    this.animal = animal;
    this.learnCurves();
  }
  /** Another smoothing: what is shown is asked for anew, a moment after the last change. */
  smooth(change: Partial<Smoothing>) {
    this.project.watching.smoothing = { ...this.project.watching.smoothing, ...change };
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.forget(), WAIT_MS);
  }

  private forget() {
    this.version += 1;
    this.asked.clear();
    this.chunks = new Map();
    this.curves = null;
    if (this.closed || !this.run) return;
    this.learnCurves();
    this.need(this.player.wanted);
  }

  private learnCurves() {
    if (this.run) void this.takeCurves(call<Curves>("GET", `${this.base}/curves?${this.query}${this.animal < 0 ? "" : `&animal=${this.animal}`}`));
  }
  private takeCurves = latest<Curves>((curves) => (this.curves = curves));

  /** Sees to it that the poses of a frame, and those that follow, are there. */
  need(frame: number) {
    if (!this.run || frame < 0) return;
    const chunk = Math.floor(frame / CHUNK);
    for (const one of frame % CHUNK > CHUNK / 2 ? [chunk, chunk + 1] : [chunk])
      if (!this.asked.has(one) && one * CHUNK < this.video.frames) void this.fetchChunk(one);
  }

  private async fetchChunk(chunk: number) {
    const version = this.version;
    this.asked.add(chunk);
    try {
      const start = chunk * CHUNK;
      const { frames } = await call<{ frames: Record<string, Pose[]> }>("GET", `${this.base}/poses?${this.query}&start=${start}&stop=${start + CHUNK}`);
      if (version !== this.version || this.closed) return;
      const known = new Map(this.chunks);
      known.set(chunk, frames);
      while (known.size > MOST_CHUNKS) {
        const oldest = known.keys().next().value!;
        known.delete(oldest);
        this.asked.delete(oldest);
      }
      this.chunks = known;
    } catch (error) {
      if (version !== this.version || this.closed) return;
      this.asked.delete(chunk);
      complain(error);
    }
  }

  /** The animals of a frame; undefined while they are not known, or where nothing is predicted. */
  posesAt(frame: number): Pose[] | undefined {
    return this.chunks.get(Math.floor(frame / CHUNK))?.[frame];
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.player.close();
  }
}
