// Sentences that the program says in English (why a plan is as it is, what is to be mended in the labels, what trainings,
// imports, exports and other jobs note), in the page's language. They are kept with models and jobs as they were said, so
// they are recognised by their wording: each entry is an English sentence with {placeholders}, and the same in the other
// language. What no entry fits stays English.
import notes from "../locales/notes.ru.json";
import ru from "../locales/sentences.ru.json";
import { language } from "./i18n.svelte";

const ENTRIES: Record<string, [RegExp, string][]> = {
  ru: Object.entries({ ...ru, ...notes }).map(([from, to]) => [recogniser(from), to]),
};

function recogniser(sentence: string): RegExp {
  const literal = sentence.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
  return new RegExp(`^${literal.replace(/\{(\w+)\}/g, "(?<$1>.+?)")}$`);
}

export function translated(sentence: string): string {
  for (const [pattern, to] of ENTRIES[language.now] ?? []) {
    const found = pattern.exec(sentence);
    if (found) return to.replace(/\{(\w+)\}/g, (whole, name: string) => found.groups?.[name] ?? whole);
  }
  return sentence;
}

/** What a training notes: a sentence, or what is to be mended in the labels and how. */
export function translatedNote(note: string): string {
  // halves first: a value at the end of a sentence would take in all that follows
  for (let at = note.indexOf(". "); at >= 0; at = note.indexOf(". ", at + 1)) {
    const halves = [note.slice(0, at), note.slice(at + 2)];
    const both = halves.map(translated);
    if (both.every((half, i) => half !== halves[i])) return both.join(". ");
  }
  return translated(note);
}
