// Pictures of frames: fetched, decoded off the main thread, kept, fetched ahead in the direction of travel.
import { problemOf, Refused, type Video } from "./api";

const KEPT = 24; // decoded pictures; one of 1080p takes 8 MB
const AHEAD = 8;
const BEHIND = 2;
const MOST_FETCHES = 4; // a browser opens six connections to a host

export type Quality = "exact" | "preview";

export class FrameStore {
  private kept = new Map<number, ImageBitmap>();
  private fetching = new Map<number, { controller: AbortController; picture: Promise<ImageBitmap> }>();
  private base: string;

  constructor(project: string, public video: Video) {
    this.base = `/api/projects/${project}/videos/${video.id}/frames/`;
  }

  /** A decoded picture that is here already. */
  ready(index: number): ImageBitmap | undefined {
    const found = this.kept.get(index);
    if (found) {
      this.kept.delete(index);
      this.kept.set(index, found);
    }
    return found;
  }

  /** The exact picture of a frame. */
  get(index: number, ahead = false): Promise<ImageBitmap> {
    const found = this.ready(index);
    if (found) return Promise.resolve(found);
    const known = this.fetching.get(index);
    if (known) return known.picture;
    const controller = new AbortController();
    const picture = this.fetch(`${index}?v=${this.video.fingerprint}${ahead ? "&ahead=true" : ""}`, controller.signal)
      .then((bitmap) => {
        if (!bitmap) throw new Error("no picture");
        this.keep(index, bitmap);
        return bitmap;
      })
      .finally(() => this.fetching.delete(index));
    this.fetching.set(index, { controller, picture });
    return picture;
  }

  /** A small picture for scrubbing and playing: of the display copy where there is one. */
  async preview(index: number, signal: AbortSignal): Promise<ImageBitmap> {
    const found = this.ready(index);
    if (found) return found;
    const copy = await this.fetch(`${index}?of=proxy&v=${this.video.fingerprint}`, signal);
    return copy ?? (await this.fetch(`${index}?width=640&v=${this.video.fingerprint}`, signal))!;
  }

  /** The display copy's picture, null where there is no copy. */
  async quick(index: number, signal: AbortSignal): Promise<ImageBitmap | null> {
    return this.fetch(`${index}?of=proxy&v=${this.video.fingerprint}`, signal);
  }

  private async fetch(path: string, signal: AbortSignal): Promise<ImageBitmap | null> {
    let answer: Response;
    try {
      answer = await fetch(this.base + path, { signal });
    } catch (error) {
      if ((error as Error).name === "AbortError") throw error;
      throw new Refused({ code: "offline", message: "", values: {} }, 0);
    }
    if (answer.status === 204) return null;
    if (!answer.ok) throw new Refused(await problemOf(answer), answer.status);
    return createImageBitmap(await answer.blob());
  }

  private keep(index: number, bitmap: ImageBitmap) {
    this.kept.set(index, bitmap);
    while (this.kept.size > KEPT) {
      const oldest = this.kept.keys().next().value!;
      this.kept.get(oldest)!.close();
      this.kept.delete(oldest);
    }
  }

  /** Fetches the neighbours of a frame; what lies far from it is given up. */
  prefetch(index: number, direction: 1 | -1) {
    for (const [other, { controller }] of this.fetching)
      if (Math.abs(other - index) > 2 * AHEAD) controller.abort();
    const wanted = [];
    for (let i = 1; i <= AHEAD; i++) wanted.push(index + direction * i);
    for (let i = 1; i <= BEHIND; i++) wanted.push(index - direction * i);
    for (const other of wanted) {
      if (this.fetching.size >= MOST_FETCHES) return;
      if (other < 0 || other >= this.video.frames || this.kept.has(other) || this.fetching.has(other)) continue;
      this.get(other, true).then(() => this.prefetch(index, direction), () => {});
    }
  }

  /** Gives up every fetch but that of one frame. */
  abort(but = -1) {
    for (const [index, { controller }] of this.fetching) if (index !== but) controller.abort();
  }

  close() {
    this.abort();
    for (const bitmap of this.kept.values()) bitmap.close();
    this.kept.clear();
  }
}
