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
  next_keypoint: number; videos: Video[]; undo: Change | null; redo: Change | null; models: number; tasks: Task[];
}
/** [state] or [state, x, y]; state 1 absent, 2 occluded, 3 visible; pixels of the full frame. */
export type Point = [number] | [number, number, number];
export interface Animal { id: string; track: string | null; points: Record<string, Point> }
export interface Document { name: string; instances: Animal[] }
export type Ghost = Record<string, [number, number, number]>;
export interface Stretch {
  revision: number; start: number; stop: number;
  frames: Record<string, Document>; predicted: Record<string, Ghost[]>;
}
export interface Lanes { labelled: number[]; selected: number[]; predicted: [number, number][]; problems: [number, string][] }
export interface Overview { revision: number; lanes: Record<string, Lanes>; counts: Record<string, number[]>; animals: number }
export interface Task {
  id: string; project: string; kind: string; status: "running" | "done" | "failed" | "cancelled"; text: string;
  fraction: number; seconds_left: number | null; result: unknown; error: Problem | null;
}
export interface Problem { code: string; message: string; values: Record<string, string> }
export interface Entry { id: string; name: string; kind: "folder" | "images" | "video" | "project"; size: number }
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
export function upload(file: File, project: string | null, progress: (fraction: number) => void): Promise<Entry> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const query = project ? `?project=${project}` : "";
    request.open("PUT", `/api/uploads/${encodeURIComponent(file.name)}${query}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => progress(event.loaded / Math.max(1, event.total));
    request.onerror = () => reject(new Refused({ code: "offline", message: "", values: {} }, 0));
    request.onload = () => {
      const body = JSON.parse(request.responseText || "{}");
      if (request.status === 200) resolve(body as Entry);
      else reject(new Refused(body as Problem, request.status));
    };
    request.send(file);
  });
}

/** What a typed, pasted or dropped path means on the computer where Krolik runs. */
export const resolvePath = (path: string) => call<Entry>("POST", "/api/places/resolve", { path });

export const operationName = () => crypto.randomUUID().replaceAll("-", "");
