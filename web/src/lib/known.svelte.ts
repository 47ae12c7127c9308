// What is known of the labels of one video's frames: the server's documents, with the edits on top that are still on
// their way there, and what a model says of frames without labels.
import { call, type Document, type Ghost, type Stretch, type Video } from "./api";
import type { Outbox } from "./outbox.svelte";
import { applied, named } from "./pose";
import { complain } from "./toasts.svelte";

const AROUND = 24; // frames whose labels are fetched together
const MOST = 2000; // frames whose labels are remembered

export class Known {
  private documents = $state.raw(new Map<number, Document | null>());
  private predicted = $state.raw(new Map<number, Ghost[]>());
  private revisions = new Map<number, number>(); // how new what is known of a frame is
  private closed = false;

  /** base: the address of the video. */
  constructor(private base: string, private video: Video, private outbox: Outbox) {}

  /** The labels of a frame, with what is not saved yet; undefined while they are not known. */
  documentOf(frame: number): Document | null | undefined {
    const saved = this.documents.get(frame);
    if (saved === undefined) return undefined;
    let document = saved;
    for (const edit of this.outbox.pending)
      if (edit.video === this.video.id && edit.frame === frame)
        document = edit.operations.reduce((value, operation) => applied(value, operation), document);
    return document;
  }

  ghostsOf(frame: number): Ghost[] {
    return this.predicted.get(frame) ?? [];
  }

  /** Fetches the labels around a frame unless they are known. */
  async learn(frame: number, again = false) {
    if (!again && this.documents.has(frame)) {
      if (!this.documents.has(Math.min(this.video.frames - 1, frame + 4))) void this.learnFrom(frame - 2);
      return;
    }
    await this.learnFrom(frame - 4);
  }

  private async learnFrom(first: number) {
    const start = Math.max(0, first);
    try {
      const stretch = await call<Stretch>("GET", `${this.base}/labels?start=${start}&stop=${start + AROUND}`);
      if (this.closed) return;
      const many = this.documents.size > MOST;
      const [documents, predicted] = [new Map(many ? [] : this.documents), new Map(many ? [] : this.predicted)];
      for (let i = stretch.start; i < stretch.stop; i++) {
        // an answer that was on its way while an edit was saved is older than that edit
        if (documents.has(i) && stretch.revision < (this.revisions.get(i) ?? 0)) continue;
        documents.set(i, stretch.frames[i] ?? null);
        predicted.set(i, (stretch.predicted[i] ?? []).map(({ points, name }) => named(points, name)));
        this.revisions.set(i, stretch.revision);
      }
      [this.documents, this.predicted] = [documents, predicted];
    } catch (error) {
      complain(error);
    }
  }

  /** Of the other frames the labels are asked for anew when they are wanted. */
  keep(wanted: (frame: number) => boolean) {
    this.documents = new Map([...this.documents].filter(([frame]) => wanted(frame)));
  }

  /** An edit of a frame arrived at the server, whose document is this one now. */
  saved(frame: number, document: Document | null, revision: number) {
    if (revision < (this.revisions.get(frame) ?? 0)) return; // what is known has it, and what came after
    this.documents = new Map(this.documents).set(frame, document);
    this.revisions.set(frame, revision);
  }

  close() {
    this.closed = true;
  }
}
