// Pictures of frames: fetched, decoded off the main thread, kept, fetched ahead in the direction of travel.
import { problemOf, Refused, type Video } from "./api";
import type { Size } from "./view";

const KEPT = 24; // decoded pictures; one of 1080p takes 8 MB
const AHEAD = 8;
const BEHIND = 2;
const GIVEN_UP = 499; // the server's word for a picture that nobody waited for
const MOST_FETCHES = 4; // a browser opens six connections to a host

export type Quality = "exact" | "preview";

const sizes = new WeakMap<ImageBitmap, Size>();

/** The frame's own size, of however many pixels the picture is; undefined where the server has not said it. */
const frameSize = (bitmap: ImageBitmap): Size | undefined => sizes.get(bitmap);

/** The size in which labels of a frame are given: a video's frames have one, an image folder's each its own. */
export const labelSize = (video: Video, bitmap: ImageBitmap | null): Size =>
  (video.images && bitmap ? frameSize(bitmap) : undefined) ?? video.size;

/** A picture from the server, with its frame's size. */
export async function pictureOf(answer: Response): Promise<ImageBitmap> {
  const bitmap = await createImageBitmap(await answer.blob());
  const size = (answer.headers.get("krolik-frame-size") ?? "").split("x").map(Number);
  if (size.length === 2) sizes.set(bitmap, [size[0]!, size[1]!]);
  return bitmap;
}

export class FrameStore {
  private kept = new Map<number, ImageBitmap>();
  private fetching = new Map<number, { controller: AbortController; picture: Promise<ImageBitmap> }>();
  /** What is on the screen: it may be drawn again at any moment. */
  showing: ImageBitmap | null = null;
  private base: string;
  private centre = 0;
  private width: number | null = null;
  private direction: 1 | -1 = 1;

  constructor(project: string, public video: Video) {
    this.base = `/api/projects/${project}/videos/${video.id}/frames/`;
  }

  /** Pictures no wider than this from now on (null: as wide as the video); whether that is another width. */
  setWidth(width: number | null): boolean {
    if (width === this.width) return false;
    this.width = width;
    this.close();
    return true;
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

  /** Whether the exact picture is being fetched. */
  isComing(index: number): boolean {
    return this.fetching.has(index);
  }

  /** The exact picture of a frame. */
  get(index: number, ahead = false): Promise<ImageBitmap> {
    const found = this.ready(index);
    if (found) return Promise.resolve(found);
    const known = this.fetching.get(index);
    if (known) return known.picture;
    const controller = new AbortController();
    const width = this.width ? `&width=${this.width}` : "";
    const path = `${index}?v=${this.video.fingerprint}${width}${ahead ? "&ahead=true" : ""}`;
    const picture = this.fetch(path, controller.signal)
      .then((bitmap) => {
        if (!bitmap || width !== (this.width ? `&width=${this.width}` : "")) throw new DOMException("late", "AbortError");
        this.keep(index, bitmap);
        return bitmap;
      })
      .finally(() => {
        if (this.fetching.get(index)?.controller === controller) this.fetching.delete(index);
      });
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
    if (answer.status === GIVEN_UP) throw new DOMException("given up", "AbortError");
    if (!answer.ok) throw new Refused(await problemOf(answer), answer.status);
    return pictureOf(answer);
  }

  private keep(index: number, bitmap: ImageBitmap) {
    this.kept.set(index, bitmap);
    while (this.kept.size > KEPT) {
      const oldest = this.kept.keys().next().value!;
      this.discard(this.kept.get(oldest)!);
      this.kept.delete(oldest);
    }
  }

  /** Fetches the neighbours of a frame; what lies far from it is given up. */
  prefetch(index: number, direction: 1 | -1) {
    this.centre = index;
    this.direction = direction;
    for (const [other, { controller }] of this.fetching)
      if (Math.abs(other - index) > 2 * AHEAD) controller.abort();
    this.more();
  }

  private more() {
    const { centre, direction } = this;
    const wanted = [];
    for (let i = 1; i <= AHEAD; i++) wanted.push(centre + direction * i);
    for (let i = 1; i <= BEHIND; i++) wanted.push(centre - direction * i);
    for (const other of wanted) {
      if (this.fetching.size >= MOST_FETCHES) return;
      if (other < 0 || other >= this.video.frames || this.kept.has(other) || this.fetching.has(other)) continue;
      this.get(other, true).then(() => this.more(), () => {});
    }
  }

  /** Gives up every fetch but that of one frame. */
  abort(but = -1) {
    for (const [index, { controller }] of this.fetching) if (index !== but) controller.abort();
  }

  close() {
    this.abort();
    this.fetching.clear();
    for (const bitmap of this.kept.values()) this.discard(bitmap);
    this.kept.clear();
  }

  private discard(bitmap: ImageBitmap) {
    if (bitmap !== this.showing) bitmap.close();
  }
}
