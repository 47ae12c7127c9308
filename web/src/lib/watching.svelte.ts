// How results are looked at: it stays from video to video, and while one looks at other places.
import type { Smoothing } from "./api";
import { PROBABLE } from "./pose";

export const CURVES = ["score", "x", "y"] as const;

export class Watching {
  /** The model to predict with; the newest if there is no name. */
  model = $state("");
  /** Whether all videos of the project are meant, not only the one that is shown. */
  all = $state(false);
  /** Points of a lower score are not drawn. */
  threshold = $state(PROBABLE);
  trail = $state(0);
  curve = $state<(typeof CURVES)[number]>("score");
  /** Names of the keypoints that are not drawn. */
  hidden = $state.raw<string[]>([]);
  smoothing = $state.raw<Smoothing>({ method: "none", frames: 5, fill: 0, threshold: 0 });

  toggle(keypoint: string) {
    this.hidden = this.hidden.includes(keypoint) ? this.hidden.filter((name) => name !== keypoint) : [...this.hidden, keypoint];
  }
}
