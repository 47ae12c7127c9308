// Animals of a frame as plain values, and what edits do to them: the same as krolik/actions/labelling.py.
import type { Animal, Document, Ghost, Operation, Point, Skeleton } from "./api";

export const ABSENT = 1;
export const OCCLUDED = 2;
export const VISIBLE = 3;

export type Place = [number, number];
export const placeOf = (point: Point | undefined): Place | null =>
  point && point.length === 3 ? [point[1], point[2]] : null;

/** The frame after an operation; null when it is unlabelled. */
export function applied(document: Document | null, operation: Operation): Document | null {
  if (operation.kind === "unlabel") return null;
  if (operation.kind === "empty") return { name: document?.name ?? "", instances: [] };
  const animals = (document?.instances ?? []).map((a) => ({ ...a, points: { ...a.points } }));
  if (operation.kind === "remove") {
    return cleaned(document, animals.filter((a) => a.id !== operation.animal));
  }
  let animal = animals.find((a) => a.id === operation.animal);
  if (!animal) {
    animal = { id: operation.animal, track: null, points: {} };
    animals.push(animal);
  }
  if (operation.kind === "track") animal.track = operation.track;
  else
    for (const [id, { state, x, y }] of Object.entries(operation.points)) {
      if (state === 0) delete animal.points[id];
      else animal.points[id] = state === ABSENT ? [ABSENT] : [state, x!, y!];
    }
  return cleaned(document, animals);
}

function cleaned(document: Document | null, animals: Animal[]): Document | null {
  const left = animals.filter((a) => Object.keys(a.points).length);
  return left.length ? { name: document?.name ?? "", instances: left } : null;
}

export const message = (point: Point | null) =>
  point === null ? { state: 0 } : point.length === 1 ? { state: point[0] } : { state: point[0], x: point[1], y: point[2] };

/** An operation that sets points of an animal; null makes one unknown. */
export function setPoints(animal: string, points: Record<string, Point | null>): Operation {
  return { kind: "points", animal, points: Object.fromEntries(Object.entries(points).map(([k, p]) => [k, message(p)])) };
}

/** Left and right changed places: what each pair's keypoints then are. */
export function swapped(animal: Animal, skeleton: Skeleton): Record<string, Point | null> {
  const points: Record<string, Point | null> = {};
  for (const [left, right] of skeleton.symmetric_pairs) {
    points[left] = animal.points[right] ?? null;
    points[right] = animal.points[left] ?? null;
  }
  return points;
}

/** As the default of everything else that is drawn and counted: below it a point is more likely not there. */
export const PROBABLE = 0.2;
export const isProbable = ([, , score]: Ghost[string]) => score >= PROBABLE;

/** Whom a proposal is of, where that is known. */
const names = new WeakMap<Ghost, string>();
export const nameOf = (ghost: Ghost): string | null => names.get(ghost) ?? null;
export function named(ghost: Ghost, name: string | null): Ghost {
  if (name) names.set(ghost, name);
  return ghost;
}

/** Proposals between two labelled frames, for animals that match by track, else by their order. */
export function interpolated(before: Document, after: Document, fraction: number): Ghost[] {
  return before.instances.flatMap((first, i) => {
    const second = after.instances.find((a) => a.track !== null && a.track === first.track) ?? after.instances[i];
    if (!second) return [];
    const ghost: Ghost = {};
    for (const [id, point] of Object.entries(first.points)) {
      const from = placeOf(point);
      const to = placeOf(second.points[id]);
      if (from && to)
        ghost[id] = [from[0] + (to[0] - from[0]) * fraction, from[1] + (to[1] - from[1]) * fraction, 1];
    }
    return Object.keys(ghost).length ? [named(ghost, first.track)] : [];
  });
}

/** (left, top, right, bottom) of all points, or null. */
export function extent(places: Place[]): [number, number, number, number] | null {
  if (!places.length) return null;
  const xs = places.map((p) => p[0]);
  const ys = places.map((p) => p[1]);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Where a whole pose is dropped: the shape of `model` (or a circle) around a place, points kept inside the image. */
export function dropped(
  skeleton: Skeleton, model: Animal | null, at: Place, image: readonly [number, number],
): Record<string, Point> {
  const places = model ? Object.values(model.points).map(placeOf).filter((p) => p !== null) : [];
  const box = extent(places);
  const points: Record<string, Point> = {};
  skeleton.keypoints.forEach((keypoint, i) => {
    const known = placeOf(model?.points[keypoint.id]);
    const angle = (2 * Math.PI * i) / skeleton.keypoints.length;
    const radius = Math.min(image[0], image[1]) / 10;
    const [dx, dy] = known && box
      ? [known[0] - (box[0] + box[2]) / 2, known[1] - (box[1] + box[3]) / 2]
      : [radius * Math.cos(angle), radius * Math.sin(angle)];
    points[keypoint.id] = [VISIBLE, clamped(at[0] + dx, image[0]), clamped(at[1] + dy, image[1])];
  });
  return points;
}

export const clamped = (value: number, side: number) => Math.min(side - 0.5, Math.max(-0.5, value));

/** "left", "right" or "middle", for the shape that a keypoint is drawn with. */
export function sides(skeleton: Skeleton): Record<string, "left" | "right" | "middle"> {
  const found: Record<string, "left" | "right" | "middle"> = {};
  for (const keypoint of skeleton.keypoints) found[keypoint.id] = "middle";
  for (const [left, right] of skeleton.symmetric_pairs) {
    found[left] = "left";
    found[right] = "right";
  }
  return found;
}
