// Files that were dropped onto the page: a browser does not say where they lie, so they are copied.
import { upload, type Copied } from "./api";
import { t } from "./i18n.svelte";
import { complain, say } from "./toasts.svelte";

/** The files that were dropped. Of folders, which cannot be copied so, is said what to do instead. */
export function filesOf(event: DragEvent): File[] {
  const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry());
  const folders = new Set(entries.flatMap((entry) => (entry?.isDirectory ? [entry.name] : [])));
  for (const name of folders) say(t("start.folder-dropped", { name }), "error");
  return [...(event.dataTransfer?.files ?? [])].filter((file) => !folders.has(file.name));
}

/** Copies of them beside the project, or at home, as far as they can be made; of the others is said why not. */
export async function copies(files: Iterable<File>, project: string | null, progress: (fraction: number) => void): Promise<Copied[]> {
  const wanted = [...files];
  const made: Copied[] = [];
  for (const [i, file] of wanted.entries()) {
    try {
      made.push(await upload(file, project, (fraction) => progress((i + fraction) / wanted.length)));
    } catch (error) {
      complain(error);
    }
  }
  return made;
}
