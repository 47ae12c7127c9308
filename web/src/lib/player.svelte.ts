// Going through a video: which frame is wanted, which is shown, and the fetching between the two. What is said to be
// shown is always the picture on the screen; when pictures come slower than they are wanted, the newest wish wins.
import { Refused, type Video } from "./api";
import { FrameStore } from "./frames";
import { complain } from "./toasts.svelte";

const NARROW = 1280; // a width that the server offers
const FAR = 24; // a longer way is a jump: what is being fetched is given up for it

export class Player {
  wanted = $state(0);
  shown = $state(-1);
  bitmap = $state.raw<ImageBitmap | null>(null);
  /** Whether the picture is the video's own, not the display copy's. */
  exact = $state(false);
  playing = $state(false);
  /** Why the wanted frame is not shown, when it cannot be. */
  failure = $state.raw<Refused | null>(null);
  private store: FrameStore;
  private busy = false;
  private preview = false;
  private fetchingFrame = -1;
  private controller = new AbortController();
  private measured = () => {};
  /** The first picture waits for it: of which width is known when the page is laid out, a moment later. */
  private laidOut = new Promise<void>((resolve) => (this.measured = resolve));
  private direction: 1 | -1 = 1;
  private timer: ReturnType<typeof requestAnimationFrame> | undefined;
  private closed = false;

  /** `stopped` is told of the frame at which playing ended, instead of going there. */
  constructor(project: string, public video: Video, private stopped = (frame: number) => this.go(frame)) {
    this.store = new FrameStore(project, video);
  }

  /** Whether labels may be set: the picture is that of the wanted frame, and stays. */
  get settled(): boolean {
    return this.shown === this.wanted && this.failure === null && !this.playing;
  }

  /** To a frame; playing ends. */
  go(frame: number, preview = false) {
    this.halt();
    this.wish(frame, preview);
  }

  private wish(frame: number, preview: boolean) {
    const to = Math.max(0, Math.min(this.video.frames - 1, Math.round(frame)));
    if (!preview) performance.mark("krolik-go", { detail: to });
    // after a jump, forward is the cheaper guess: decoders only go forward
    if (to !== this.wanted) this.direction = to < this.wanted && this.wanted - to <= FAR ? -1 : 1;
    this.wanted = to;
    this.preview = preview;
    this.failure = null;
    if (this.fetchingFrame >= 0 && this.fetchingFrame !== to && Math.abs(this.fetchingFrame - to) > FAR) {
      this.controller.abort();
      this.store.abort(to);
    }
    const ready = this.store.ready(to);
    if (ready) this.show(to, ready, true);
    void this.pump();
  }

  /** How many pixels wide the picture is on the screen: more than that need not be fetched. */
  setDisplayWidth(pixels: number) {
    this.measured();
    const width = pixels <= NARROW && this.video.size[0] > NARROW ? NARROW : null;
    if (!this.store.setWidth(width) || this.shown < 0) return;
    this.exact = false;
    void this.pump();
  }

  private show(frame: number, bitmap: ImageBitmap, exact: boolean) {
    this.bitmap = this.store.showing = bitmap;
    this.shown = frame;
    this.exact = exact;
    performance.mark("krolik-shown", { detail: frame });
    if (exact && !this.playing) this.store.prefetch(frame, this.direction);
  }

  private async pump() {
    if (this.busy) return;
    this.busy = true;
    await this.laidOut;
    while (!this.closed && (this.shown !== this.wanted || (!this.exact && !this.preview)) && !this.failure) {
      const frame = this.wanted;
      this.fetchingFrame = frame;
      this.controller = new AbortController();
      try {
        if (this.preview) this.show(frame, await this.store.preview(frame, this.controller.signal), false);
        else await this.fetchExact(frame);
      } catch (error) {
        if ((error as Error).name === "AbortError") continue;
        if (frame === this.wanted && error instanceof Refused) this.failure = error;
        else if (!(error instanceof Refused)) complain(error);
      } finally {
        this.fetchingFrame = -1;
      }
    }
    this.busy = false;
  }

  private async fetchExact(frame: number) {
    if (this.shown !== frame && Math.abs(frame - this.shown) > 1 && !this.store.isComing(frame)) {
      // on a jump the display copy is there first, and sooner when nothing else is decoded meanwhile
      const copy = await this.store.quick(frame, this.controller.signal);
      if (this.wanted !== frame) return;
      if (copy) this.show(frame, copy, false);
    }
    const bitmap = await this.store.get(frame);
    // a picture that came late is still shown while the way goes on, but never after the wanted one
    if (this.wanted === frame || this.shown !== this.wanted) this.show(frame, bitmap, true);
  }

  /** Plays at the video's own speed; frames are left out where they do not come fast enough. */
  play() {
    if (this.playing) return this.pause();
    this.playing = true;
    const from = this.wanted >= this.video.frames - 1 ? 0 : this.wanted;
    const began = performance.now();
    const step = (now: number) => {
      if (!this.playing) return;
      const frame = from + Math.floor(((now - began) / 1000) * this.video.rate);
      if (frame >= this.video.frames - 1) return this.pause(this.video.frames - 1);
      if (frame !== this.wanted && !this.busy) this.wish(frame, true);
      this.timer = requestAnimationFrame(step);
    };
    this.timer = requestAnimationFrame(step);
  }

  pause(at = this.shown >= 0 ? this.shown : this.wanted) {
    this.halt();
    this.stopped(at);
  }

  private halt() {
    this.playing = false;
    if (this.timer !== undefined) cancelAnimationFrame(this.timer);
  }

  close() {
    this.closed = true;
    this.playing = false;
    this.controller.abort();
    this.store.close();
  }
}
