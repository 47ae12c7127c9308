// An open project: its snapshot and overview, kept up to date by the stream of events.
import { call, Refused, type Job, type Overview, type Said, type Skeleton, type Snapshot, type Suggested, type Video } from "./api";
import { listen } from "./events";
import { t } from "./i18n.svelte";
import { said } from "./sentences";
import { complain, say } from "./toasts.svelte";
import { Watching } from "./watching.svelte";
import { Wishes } from "./wishes.svelte";

/** What a change was about, in the user's language: its first edit and how many there are. */
export function named(kind: string, subject: string, count: number): string {
  if (kind === "frame" && count === 1) return t("change.frame", { frame: subject.split("/")[1] ?? "" });
  return t(`change.${kind}s`, { n: count });
}
const about = (touched: [string, string][]) => (touched[0] ? named(...touched[0], touched.length) : "");

export interface Waiting { video: string; frame: number; suggested: Suggested | null }

export class Project {
  snapshot = $state.raw<Snapshot>(null!);
  overview = $state.raw<Overview>(null!);
  jobs = $state<Record<number, Job>>({});
  /** What the jobs that are watched have said, by job. */
  said = $state<Record<number, Said[]>>({});
  readonly wishes = new Wishes();
  readonly watching = new Watching();
  /** Called with the frames of each change that this or another page has made. */
  onTouched: ((touched: [string, string][], revision: number) => void) | null = null;
  private listeners = new Set<(job: Job) => void>();
  private stop = () => {};
  private refreshing: Promise<void> | null = null;
  private stale = false;

  private constructor(public id: string) {}

  static async load(id: string): Promise<Project> {
    const project = new Project(id);
    [project.snapshot, project.overview] = await Promise.all([
      call<Snapshot>("GET", `/api/projects/${id}`),
      call<Overview>("GET", `/api/projects/${id}/overview`),
    ]);
    for (const job of project.snapshot.jobs) project.jobs[job.id] = job;
    project.stop = listen(id, project.snapshot.revision, project.snapshot.event, {
      change: ({ touched, revision }) => {
        void project.refresh();
        project.onTouched?.(touched, revision);
      },
      job: (job) => project.told(job),
      said: (said) => { if (project.said[said.job]) project.said[said.job]!.push(said); },
    });
    return project;
  }

  private told(job: Job) {
    const before = this.jobs[job.id];
    if (before && before.updated > job.updated) return;
    this.jobs[job.id] = job;
    if (before?.status === job.status || job.active) return;
    if (job.status === "failed" && job.error) say(said(job.error), "error");
    if (job.status === "interrupted") say(t("job.interrupted", { what: t(`job.${job.kind}`) }), "error");
    // the other places then begin with what was added last
    const added = job.kind === "add" && job.status === "done" ? (job.result.videos as string[]).at(-1) : undefined;
    if (added) localStorage.setItem(`krolik.video.${this.id}`, added);
    void this.refresh();
    for (const listener of this.listeners) listener(job);
  }

  /** Has something called with every job that has ended; returns how to stop that. */
  onEnded(listener: (job: Job) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Jobs that wait or run, oldest first. */
  get running(): Job[] {
    return Object.values(this.jobs).filter((job) => job.active);
  }

  /** The jobs of some kinds, newest first. */
  jobsOf(...kinds: string[]): Job[] {
    return Object.values(this.jobs).filter((job) => kinds.includes(job.kind)).sort((a, b) => b.id - a.id);
  }

  /** Fetches what a job has said so far and goes on listening to it. */
  async watch(id: number) {
    if (this.said[id]) return;
    this.said[id] = [];
    try {
      const { said: before, ...job } = await call<Job & { said: Said[] }>("GET", `/api/projects/${this.id}/jobs/${id}`);
      const last = before.at(-1)?.id ?? 0;
      this.said[id] = [...before, ...(this.said[id] ?? []).filter((s) => s.id > last)];
      this.told(job);
    } catch (error) {
      complain(error);
    }
  }

  /** Starts a job; null when it was refused, which is then said. */
  async start(what: string, body: unknown = {}): Promise<Job | null> {
    try {
      const job = await call<Job>("POST", `/api/projects/${this.id}/${what}`, body);
      if (!this.jobs[job.id]) this.jobs[job.id] = job;
      return job;
    } catch (error) {
      complain(error);
      return null;
    }
  }

  /** Stops, cancels or goes on with a job. */
  async ask(job: Job, verb: "stop" | "cancel" | "resume") {
    try {
      this.told(await call<Job>("POST", `/api/projects/${this.id}/jobs/${job.id}/${verb}`));
    } catch (error) {
      complain(error);
    }
  }

  get skeleton(): Skeleton {
    return this.snapshot.skeleton;
  }

  video(id: string): Video | undefined {
    return this.snapshot.videos.find((video) => video.id === id);
  }

  /** Loads the snapshot and overview anew; calls while one is under way are joined into one more. */
  refresh(): Promise<void> {
    this.stale = true;
    this.refreshing ??= this.reload().finally(() => (this.refreshing = null));
    return this.refreshing;
  }

  private async reload() {
    try {
      while (this.stale) {
        this.stale = false;
        const [snapshot, overview] = await Promise.all([
          call<Snapshot>("GET", `/api/projects/${this.id}`),
          call<Overview>("GET", `/api/projects/${this.id}/overview`),
        ]);
        [this.snapshot, this.overview] = [snapshot, overview];
      }
    } catch (error) {
      if (!(error instanceof Refused && error.problem.code === "offline")) complain(error);
    }
  }

  /** Sends something that changes the project; false when it was refused, which is then said. */
  async send(method: string, path: string, body: unknown = {}): Promise<unknown> {
    try {
      const answer = await call<unknown>(method, `/api/projects/${this.id}${path}`, body);
      await this.refresh();
      return answer ?? true;
    } catch (error) {
      complain(error);
      return false;
    }
  }

  /** Undoes or redoes, and says what; the edits that it was made of. */
  async step(way: "undo" | "redo"): Promise<[string, string][]> {
    try {
      const answer = await call<{ touched: [string, string][] }>("POST", `/api/projects/${this.id}/${way}`);
      say(t(way === "undo" ? "undone" : "redone", { what: about(answer.touched) }));
      await this.refresh();
      return answer.touched;
    } catch (error) {
      if (error instanceof Refused && error.problem.code.startsWith("nothing-to-")) say(said(error.problem));
      else complain(error);
      return [];
    }
  }

  /** What waits to be labelled: first what a model is in doubt about, by rank; then by video and number. */
  get queue(): Waiting[] {
    const waiting = this.snapshot.videos.flatMap(({ id }) => {
      const lanes = this.overview.lanes[id];
      if (!lanes) return [];
      const labelled = new Set(lanes.labelled);
      return lanes.selected.filter((frame) => !labelled.has(frame))
        .map((frame) => ({ video: id, frame, suggested: lanes.suggested[frame] ?? null }));
    });
    const rank = (w: Waiting) => w.suggested?.rank ?? Infinity;
    return waiting.some((w) => w.suggested) ? waiting.toSorted((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b))) : waiting;
  }

  get labelledCount(): number {
    return Object.values(this.overview.lanes).reduce((sum, lanes) => sum + lanes.labelled.length, 0);
  }

  close() {
    this.stop();
  }
}
