// Sentences that the program says in English (why a plan is as it is, what is to be mended in the labels), in the page's
// language. They are kept with models as they were said, so they are recognised by their wording: each entry is an English
// sentence with {placeholders}, and the same in the other language. What no entry fits stays English.
import ru from "../locales/sentences.ru.json";
import { language } from "./i18n.svelte";

const ENTRIES: Record<string, [RegExp, string][]> = { ru: Object.entries(ru).map(([from, to]) => [recogniser(from), to]) };

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
