// An open project: its snapshot and overview, kept up to date by the stream of events.
import { call, Refused, type Overview, type Skeleton, type Snapshot, type Task, type Video } from "./api";
import { listen } from "./events";
import { said, t } from "./i18n.svelte";
import { complain, say } from "./toasts.svelte";

/** What a change was about, in the user's language: its first edit and how many there are. */
export function named(kind: string, subject: string, count: number): string {
  if (kind === "frame" && count === 1) return t("change.frame", { frame: subject.split("/")[1] ?? "" });
  return t(`change.${kind}s`, { n: count });
}
const about = (touched: [string, string][]) => (touched[0] ? named(...touched[0], touched.length) : "");

export class Project {
  snapshot = $state.raw<Snapshot>(null!);
  overview = $state.raw<Overview>(null!);
  tasks = $state<Record<string, Task>>({});
  /** Called with the frames of each change that this or another page has made. */
  onTouched: ((touched: [string, string][], revision: number) => void) | null = null;
  onTaskDone: ((task: Task) => void) | null = null;
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
    for (const task of project.snapshot.tasks) project.tasks[task.id] = task;
    project.stop = listen(id, project.snapshot.revision, {
      change: ({ touched, revision }) => {
        void project.refresh();
        project.onTouched?.(touched, revision);
      },
      task: (task) => project.told(task),
    });
    return project;
  }

  private told(task: Task) {
    const before = this.tasks[task.id];
    this.tasks[task.id] = task;
    if (before?.status === task.status) return;
    if (task.status === "failed" && task.error) say(said(task.error), "error");
    if (task.status === "done") this.onTaskDone?.(task);
  }

  get running(): Task[] {
    return Object.values(this.tasks).filter((task) => task.status === "running");
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

  /** What waits to be labelled: selected frames that have no labels, by video and number. */
  get queue(): { video: string; frame: number }[] {
    return this.snapshot.videos.flatMap(({ id }) => {
      const lanes = this.overview.lanes[id];
      if (!lanes) return [];
      const labelled = new Set(lanes.labelled);
      return lanes.selected.filter((frame) => !labelled.has(frame)).map((frame) => ({ video: id, frame }));
    });
  }

  get labelledCount(): number {
    return Object.values(this.overview.lanes).reduce((sum, lanes) => sum + lanes.labelled.length, 0);
  }

  close() {
    this.stop();
  }
}
