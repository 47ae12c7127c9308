// Sentences that the program says in English (why a plan is as it is, what is to be mended in the labels, what trainings,
// imports, exports and other jobs note, what is wrong with a file and what to do), in the page's language. They are kept
// with models and jobs as they were said, so they are recognised by their wording: each entry is an English sentence with
// {placeholders}, and the same in the other language. What no entry fits stays English.
import type { Problem } from "./api";
import errors from "../locales/errors.ru.json";
import notes from "../locales/notes.ru.json";
import ru from "../locales/sentences.ru.json";
import { knows, language, t } from "./i18n.svelte";

const ENTRIES: Record<string, [RegExp, string][]> = {
  ru: Object.entries({ ...ru, ...notes, ...errors }).sort(([a], [b]) => literal(b) - literal(a))
    .map(([from, to]) => [recogniser(from), to]),
};

/** How much of an entry stands for itself: of several that fit, the one with the most is meant. */
function literal(sentence: string): number {
  return sentence.replace(/\{\w+\}/g, "").length;
}

function recogniser(sentence: string): RegExp {
  const escaped = sentence.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\{(\w+)\}/g, "(?<$1>.+?)")}$`);
}

export function translated(sentence: string): string {
  for (const [pattern, to] of ENTRIES[language.now] ?? []) {
    const found = pattern.exec(sentence);
    if (found) return to.replace(/\{(\w+)\}/g, (whole, name: string) => translated(found.groups?.[name] ?? whole));
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

/** What the server refused, in the user's language. */
export function said(problem: Problem): string {
  const key = `error.${problem.code}`;
  if (problem.code !== "other" && knows(key)) return t(key, { ...problem.values, message: problem.message });
  const { where } = problem.values, place = where && problem.message.startsWith(`${where}: `) ? `${where}: ` : "";
  return t("error.other", { message: place + translatedError(problem.message.slice(place.length)) });
}

/** An error's sentence: what is wrong, and mostly what to do. */
function translatedError(sentence: string): string {
  for (let at = sentence.indexOf(". "); at >= 0; at = sentence.indexOf(". ", at + 1)) {
    const what = sentence.slice(0, at), fix = sentence.slice(at + 2).replace(/\.$/, "");
    const both = [translatedInside(what), translated(fix)];
    if (both[0] !== what && both[1] !== fix) return `${both.join(". ")}.`;
  }
  return translatedInside(sentence);
}

/** The same where a place within the file comes first: "frames[3]: no such image". */
function translatedInside(what: string): string {
  const whole = translated(what);
  if (whole !== what) return whole;
  for (let at = what.indexOf(": "); at >= 0; at = what.indexOf(": ", at + 1)) {
    const rest = what.slice(at + 2), now = translated(rest);
    if (now !== rest) return what.slice(0, at + 2) + now;
  }
  return what;
}
