// Files that were dropped onto the page: a browser does not say where they lie, so they are copied.
import { upload, type Entry } from "./api";
import { complain } from "./toasts.svelte";

/** Copies of them beside the project, or at home, as far as they can be made; of the others is said why not. */
export async function copies(files: Iterable<File>, project: string | null, progress: (fraction: number) => void): Promise<Entry[]> {
  const wanted = [...files];
  const made: Entry[] = [];
  for (const [i, file] of wanted.entries()) {
    try {
      made.push(await upload(file, project, (fraction) => progress((i + fraction) / wanted.length)));
    } catch (error) {
      complain(error);
    }
  }
  return made;
}
