// Short messages at the edge of the page.
import { Refused } from "./api";
import { t } from "./i18n.svelte";
import { said } from "./sentences";

export interface Toast { id: number; text: string; kind: "info" | "error" }
const LIFE = { info: 3500, error: 12000 };
let following = 0;
export const toasts = $state<Toast[]>([]);

export function say(text: string, kind: Toast["kind"] = "info") {
  const id = ++following;
  const same = toasts.findIndex((toast) => toast.text === text);
  if (same >= 0) toasts.splice(same, 1);
  toasts.push({ id, text, kind });
  setTimeout(() => dismiss(id), LIFE[kind]);
}

export function dismiss(id: number) {
  const place = toasts.findIndex((toast) => toast.id === id);
  if (place >= 0) toasts.splice(place, 1);
}

/** Shows what went wrong; aborted requests are nothing wrong. */
export function complain(error: unknown) {
  if (error instanceof Refused) say(said(error.problem), "error");
  else if ((error as Error)?.name !== "AbortError") {
    console.error(error);
    say(t("error.other", { message: String(error) }), "error");
  }
}
