// The server's API: types as it sends them, one call each, errors as codes that the catalogues know.

export interface Keypoint { id: number; name: string; color: string }
export interface Skeleton { keypoints: Keypoint[]; edges: [number, number][]; symmetric_pairs: [number, number][] }
export interface Video {
  id: string; name: string; path: string; frames: number; size: [number, number]; rate: number;
  problem: string | null; images: boolean; fingerprint: string;
}
export interface Change { id: number; title: string; source: string; at: number; kind?: "edit" | "undo" | "redo"; about?: [string, string, number] | null }
export interface Snapshot {
  id: string; name: string; path: string; read_only: boolean; revision: number; skeleton: Skeleton;
  next_keypoint: number; videos: Video[]; undo: Change | null; redo: Change | null; models: number;
  predictions: number; background: boolean; split: string; event: number; jobs: Job[];
}
/** [state] or [state, x, y]; state 1 absent, 2 occluded, 3 visible; pixels of the full frame. */
export type Point = [number] | [number, number, number];
export interface Animal { id: string; track: string | null; points: Record<string, Point> }
export interface Document { name: string; instances: Animal[] }
export type Ghost = Record<string, [number, number, number]>;
export interface Stretch {
  revision: number; start: number; stop: number;
  frames: Record<string, Document>; predicted: Record<string, { points: Ghost; name: string | null }[]>;
}
/** Why a frame is suggested: what shows it, how strongly, at which keypoint (its id), and a number to say of it. */
export interface Reason { kind: string; severity: number; value: number; keypoint: number | null }
export interface Suggested { rank: number; score: number; reasons: Reason[] }
export interface Lanes {
  labelled: number[]; selected: number[]; predicted: [number, number][]; problems: [number, string][];
  suggested: Record<string, Suggested>;
}
export interface Overview { revision: number; lanes: Record<string, Lanes>; counts: Record<string, number[]>; animals: number }
export type JobStatus = "waiting" | "running" | "done" | "failed" | "cancelled" | "interrupted";
export interface Job {
  id: number; kind: string; status: JobStatus; active: boolean; source: string; document: Record<string, unknown>;
  created: number; started: number | null; updated: number; wish: "" | "stop" | "cancel"; fraction: number; text: string;
  seconds_left: number | null; result: Record<string, unknown>; files: string[]; error: Problem | null;
}
/** A frame of the validation, with what the network says of it: animals × keypoints × (x, y). */
export interface Worst { video: string; frame: number; error_px: number; points: [number, number][][] }
export interface Said {
  id: number; job: number; at: number; kind: "note" | "curve"; text?: string;
  stage?: string; title?: string; steps?: number; fraction?: number; loss?: number; error_px?: number; worst?: Worst[];
}
export interface Errors { n: number; mean_error_px: number | null }
export interface Model {
  name: string; created: number; split: string; train: number; validation: number; steps: number; seconds: number;
  tests: Record<string, Errors & { keypoints: Record<string, Errors> }>; validation_error_px: number | null;
  curve: { step: number; seconds: number; loss: number; error_px: number | null }[];
  decisions: [string, unknown, string][]; findings: { what: string; fix: string }[]; began_from: string | null;
  cross_validation: (Errors & { folds: number }) | null; keypoints: string[];
}
/** Another framework that can train; version: null where it is not installed. */
export interface Engine { name: string; title: string; networks: string[]; settings: string[]; pretrained: boolean; version: string | null }
export interface Run {
  id: number; model: string; status: string; created: number; ranges: [number, number][]; skeleton: Skeleton; undecodable: number;
  animals: string[]; // the names of those that have one
}
/** [x, y, score] by keypoint of the run's skeleton; null where there is no point. */
export type Pose = ([number, number, number] | null)[];
export interface Smoothing { method: string; frames: number; fill: number; threshold: number }
export interface Curves {
  width: number; animals: number; names: string[];
  animal: number | null; // whose they are; null: of all together
  score: (number | null)[][]; x: (number | null)[][]; y: (number | null)[][];
}
export interface Problem { code: string; message: string; values: Record<string, string> }
export interface Entry { id: string; name: string; kind: "folder" | "images" | "labels" | "video" | "project"; size: number }
/** What was dropped onto the page, and where its copy lies. */
export interface Copied extends Entry { path: string }
export interface Listing { id: string; path: string; parent: string | null; entries: Entry[]; more: boolean }
export interface Start {
  version: string; recent: { id: string; name: string; folder: string }[];
  roots: { id: string; name: string; path: string }[]; templates: Record<string, string[]>;
}
export type Operation =
  | { kind: "points"; animal: string; points: Record<string, { state: number; x?: number; y?: number }> }
  | { kind: "track"; animal: string; track: string | null }
  | { kind: "remove"; animal: string }
  | { kind: "empty" }
  | { kind: "unlabel" };

/** What the server refused, or that it cannot be reached (code "offline"). */
export class Refused extends Error {
  constructor(public problem: Problem, public status: number) { super(problem.message); }
}

const JSON_TYPE = { "content-type": "application/json" };

export async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method, signal, headers: JSON_TYPE, body: method === "GET" ? undefined : JSON.stringify(body ?? {}),
    });
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new Refused({ code: "offline", message: "the server cannot be reached", values: {} }, 0);
  }
  if (!answer.ok) throw new Refused(await problemOf(answer), answer.status);
  return (await answer.json()) as T;
}

export async function problemOf(answer: Response): Promise<Problem> {
  try {
    return (await answer.json()) as Problem;
  } catch {
    return { code: "other", message: `${answer.status} ${answer.statusText}`, values: {} };
  }
}

/** Sends a dropped file; `progress` is told the fraction. */
export function upload(file: File, project: string | null, progress: (fraction: number) => void): Promise<Copied> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const query = project ? `?project=${project}` : "";
    request.open("PUT", `/api/uploads/${encodeURIComponent(file.name)}${query}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => progress(event.loaded / Math.max(1, event.total));
    request.onerror = () => reject(new Refused({ code: "offline", message: "", values: {} }, 0));
    request.onload = () => {
      const body = JSON.parse(request.responseText || "{}");
      if (request.status === 200) resolve(body as Copied);
      else reject(new Refused(body as Problem, request.status));
    };
    request.send(file);
  });
}

/** What a typed, pasted or dropped path means on the computer where Krolik runs. */
export const resolvePath = (path: string) => call<Entry>("POST", "/api/places/resolve", { path });

export const operationName = () => crypto.randomUUID().replaceAll("-", "");
