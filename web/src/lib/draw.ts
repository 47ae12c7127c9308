// Drawing a frame and the poses on it.
import type { Animal, Ghost, Skeleton } from "./api";
import { ABSENT, isProbable, OCCLUDED, placeOf, sides, type Place } from "./pose";
import { toScreen, type Size, type View } from "./view";

export interface Layer { context: CanvasRenderingContext2D; width: number; height: number; ratio: number }

/** A canvas made as fine as the screen; its context counts in CSS pixels. */
export function layer(canvas: HTMLCanvasElement, width: number, height: number): Layer {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height, ratio };
}

export function drawFrame({ context }: Layer, bitmap: ImageBitmap, size: Size, view: View) {
  context.imageSmoothingEnabled = view.scale * (size[0] / bitmap.width) < 3;
  context.imageSmoothingQuality = "medium";
  context.drawImage(bitmap, view.x, view.y, size[0] * view.scale, size[1] * view.scale);
}

/** A magnified circle around a place of the screen, with a cross at its centre. */
export function drawLoupe(target: Layer, bitmap: ImageBitmap, size: Size, view: View, at: Place, factor = 4) {
  const { context } = target;
  const radius = 90;
  context.save();
  context.beginPath();
  context.arc(at[0], at[1], radius, 0, 2 * Math.PI);
  context.fillStyle = "#000";
  context.fill();
  context.clip();
  drawFrame(target, bitmap, size, {
    scale: view.scale * factor, x: at[0] - (at[0] - view.x) * factor, y: at[1] - (at[1] - view.y) * factor,
  });
  context.restore();
  context.beginPath();
  context.arc(at[0], at[1], radius, 0, 2 * Math.PI);
  context.moveTo(at[0] - 8, at[1]);
  context.lineTo(at[0] + 8, at[1]);
  context.moveTo(at[0], at[1] - 8);
  context.lineTo(at[0], at[1] + 8);
  context.strokeStyle = "#ffffffcc";
  context.lineWidth = 1;
  context.stroke();
}

export interface Look {
  skeleton: Skeleton;
  animal: string;
  keypoint: number;
  /** Points that are being dragged, by animal and keypoint, where they are now. */
  moved: { animal: string; places: Record<string, Place> } | null;
  names: boolean;
}

export const RADIUS = 6;

/** left ○, right □, middle ◇ */
function shape(context: CanvasRenderingContext2D, side: string, [x, y]: Place, radius: number) {
  context.beginPath();
  if (side === "left") context.arc(x, y, radius, 0, 2 * Math.PI);
  else if (side === "right") context.rect(x - radius * 0.88, y - radius * 0.88, radius * 1.76, radius * 1.76);
  else {
    const r = radius * 1.2;
    context.moveTo(x, y - r);
    context.lineTo(x + r, y);
    context.lineTo(x, y + r);
    context.lineTo(x - r, y);
    context.closePath();
  }
}

function edges(context: CanvasRenderingContext2D, places: Record<string, Place>, look: Look, faint: boolean) {
  context.lineCap = "round";
  for (const [a, b] of look.skeleton.edges) {
    const [from, to] = [places[a], places[b]];
    if (!from || !to) continue;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.strokeStyle = "#000000a0";
    context.lineWidth = 3.5;
    if (!faint) context.stroke();
    context.strokeStyle = faint ? "#ffffff80" : "#ffffffd0";
    context.lineWidth = 1.5;
    context.stroke();
  }
}

/** Occluded points are hollow; the chosen animal's chosen point has a ring. */
export function drawAnimal(context: CanvasRenderingContext2D, animal: Animal, view: View, look: Look) {
  const chosen = animal.id === look.animal;
  const moved = look.moved?.animal === animal.id ? look.moved.places : {};
  const places: Record<string, Place> = {};
  for (const { id } of look.skeleton.keypoints) {
    const place = moved[id] ?? placeOf(animal.points[id]);
    if (place) places[id] = toScreen(view, ...place);
  }
  context.globalAlpha = chosen ? 1 : 0.75;
  edges(context, places, look, false);
  const side = sides(look.skeleton);
  for (const { id, color, name } of look.skeleton.keypoints) {
    const place = places[id];
    if (!place) continue;
    const ring = chosen && id === look.keypoint;
    if (ring) {
      context.beginPath();
      context.arc(...place, RADIUS + 6, 0, 2 * Math.PI);
      context.strokeStyle = "#fff";
      context.lineWidth = 2;
      context.stroke();
    }
    mark(context, side[id] ?? "middle", place, color, animal.points[id]?.[0] === OCCLUDED);
    if (look.names || ring) caption(context, name, place);
  }
  context.globalAlpha = 1;
  if (animal.track) {
    const top = Object.values(places).sort((a, b) => a[1] - b[1])[0];
    if (top) caption(context, animal.track, [top[0] - 8, top[1] - 22]);
  }
}

/** A point with a dot of one pixel at its very place. */
function mark(context: CanvasRenderingContext2D, side: string, place: Place, color: string, hollow: boolean) {
  shape(context, side, place, RADIUS);
  context.strokeStyle = "#000000c0";
  context.lineWidth = hollow ? 5 : 3;
  context.stroke();
  if (hollow) {
    context.strokeStyle = color;
    context.lineWidth = 2.5;
    context.stroke();
  } else {
    context.fillStyle = color;
    context.fill();
  }
  context.fillStyle = "#000";
  context.fillRect(place[0] - 1, place[1] - 1, 2, 2);
}

export function caption(context: CanvasRenderingContext2D, text: string, [x, y]: Place) {
  context.font = "12px system-ui, sans-serif";
  const width = context.measureText(text).width;
  context.fillStyle = "#000000b0";
  context.fillRect(x + 10, y - 8, width + 8, 17);
  context.fillStyle = "#fff";
  context.fillText(text, x + 14, y + 5);
}

/** A proposal: dashed outlines; faint and without lines where it is hardly there. */
export function drawGhost(context: CanvasRenderingContext2D, ghost: Ghost, view: View, look: Look,
                          moved: Record<string, Place> | null) {
  const places: Record<string, Place> = {};
  for (const [id, [x, y]] of Object.entries(ghost)) places[id] = toScreen(view, ...(moved?.[id] ?? [x, y]));
  context.save();
  context.setLineDash([4, 3]);
  edges(context, Object.fromEntries(Object.entries(places).filter(([id]) => isProbable(ghost[id]!))), look, true);
  const side = sides(look.skeleton);
  for (const { id, color } of look.skeleton.keypoints) {
    const place = places[id];
    if (!place) continue;
    shape(context, side[id] ?? "middle", place, RADIUS);
    context.globalAlpha = isProbable(ghost[id]!) || moved?.[id] ? 1 : 0.4;
    context.strokeStyle = "#000000a0";
    context.lineWidth = 4;
    context.stroke();
    context.strokeStyle = color;
    context.lineWidth = 2;
    context.stroke();
  }
  context.restore();
}

export interface Hit { animal: string | null; ghost: Ghost | null; keypoint: number; place: Place; distance: number }

/** The point nearest to a place of the screen within reach; the chosen animal's points come before others'. */
export function hit(animals: Animal[], ghosts: Ghost[], view: View, at: Place, reach: number, chosen: string): Hit | null {
  let best: Hit | null = null;
  const look = (animal: string | null, ghost: Ghost | null, keypoint: number, place: Place) => {
    const [x, y] = toScreen(view, ...place);
    const distance = Math.hypot(x - at[0], y - at[1]) - (animal === chosen ? 3 : 0);
    if (distance <= reach && (!best || distance < best.distance)) best = { animal, ghost, keypoint, place, distance };
  };
  for (const animal of animals)
    for (const [id, point] of Object.entries(animal.points)) {
      const place = placeOf(point);
      if (place && point[0] !== ABSENT) look(animal.id, null, Number(id), place);
    }
  for (const ghost of ghosts) for (const [id, [x, y]] of Object.entries(ghost)) look(null, ghost, Number(id), [x, y]);
  return best;
}

/** A predicted pose: its points by the position of the keypoint; null or NaN where there is none.
 *  They are `radius` large at most, and smaller where the animal is so small that they would cover it. */
export function drawPose(context: CanvasRenderingContext2D, points: readonly (readonly number[] | null)[], skeleton: Skeleton,
                         view: View, most = RADIUS) {
  const places = new Map<number, Place>();
  skeleton.keypoints.forEach(({ id }, i) => {
    const point = points[i];
    if (point && Number.isFinite(point[0]) && Number.isFinite(point[1])) places.set(id, toScreen(view, point[0]!, point[1]!));
  });
  const [xs, ys] = [0, 1].map((axis) => [...places.values()].map((place) => place[axis]!));
  const extent = places.size > 1 ? Math.max(Math.max(...xs!) - Math.min(...xs!), Math.max(...ys!) - Math.min(...ys!)) : Infinity;
  const radius = Math.max(2, Math.min(most, 0.035 * extent));
  context.lineCap = "round";
  for (const [a, b] of skeleton.edges) {
    const [from, to] = [places.get(a), places.get(b)];
    if (!from || !to) continue;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.strokeStyle = "#ffffffc0";
    context.lineWidth = radius / 3;
    context.stroke();
  }
  const side = sides(skeleton);
  for (const { id, color } of skeleton.keypoints) {
    const place = places.get(id);
    if (!place) continue;
    shape(context, side[id] ?? "middle", place, radius);
    context.strokeStyle = "#000000c0";
    context.lineWidth = Math.min(1.5, radius / 3);
    context.stroke();
    context.fillStyle = color;
    context.fill();
  }
}
