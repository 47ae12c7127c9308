// Which frame of the work queue comes after another one.
import type { Waiting } from "./project.svelte";

export interface Spot { video: string; frame: number }
const same = (a: Spot, b: Spot) => a.video === b.video && a.frame === b.frame;

/** The next or previous frame of a queue, from its end on from its beginning; null when no other one waits.
 *  `videos` is the order of the videos, which suggested frames do not keep: they come by rank. */
export function following(queue: Waiting[], videos: string[], here: Spot, direction: 1 | -1): Spot | null {
  if (queue.some((q) => q.suggested)) return ranked(queue, here, direction);
  const order = (spot: Spot) => videos.indexOf(spot.video) * 2 ** 40 + spot.frame;
  const sorted = direction === 1 ? queue : [...queue].reverse();
  return sorted.find((q) => direction * (order(q) - order(here)) > 0) ?? sorted.find((q) => !same(q, here)) ?? null;
}

/** In a queue by rank: the neighbour of a frame, or the first if that is not in it. */
function ranked(queue: Waiting[], here: Spot, direction: 1 | -1): Spot | null {
  const at = queue.findIndex((q) => same(q, here));
  const others = queue.filter((_, i) => i !== at);
  if (at < 0) return (direction === 1 ? others[0] : others.at(-1)) ?? null;
  return others.length ? queue[(at + direction + queue.length) % queue.length]! : null;
}
