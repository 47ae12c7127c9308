// Two catalogues, switchable while running. A plural entry is a list: the number's own forms, by Intl.PluralRules.
import en from "../locales/en.json";
import ru from "../locales/ru.json";

type Entry = string | Record<string, string>;
type Values = Record<string, string | number>;
const CATALOGUES: Record<string, Record<string, Entry>> = { en, ru };
export const LANGUAGES = [["en", "English"], ["ru", "Русский"]] as const;

const remembered = localStorage.getItem("krolik.language");
const preferred = navigator.languages.find((l) => l.slice(0, 2) in CATALOGUES)?.slice(0, 2);
const first = remembered && remembered in CATALOGUES ? remembered : (preferred ?? "en");
let current = $state(first);
document.documentElement.lang = first;

export const language = {
  get now() { return current; },
  set(to: string) {
    current = to;
    localStorage.setItem("krolik.language", to);
    document.documentElement.lang = to;
  },
};

/** The text of that key; {name} is replaced, and `n` chooses the plural form. */
export function t(key: string, values: Values = {}): string {
  const entry = CATALOGUES[current]?.[key];
  if (entry === undefined) return key;
  let text = entry;
  if (typeof text !== "string") {
    const form = new Intl.PluralRules(current).select(Number(values["n"]));
    text = text[form] ?? text["other"] ?? key;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? formatted(value) : value;
  });
}

export const formatted = (value: number, digits = 0) =>
  new Intl.NumberFormat(current, { maximumFractionDigits: digits }).format(value);

/** Whether the user's language has a text of that key. */
export const knows = (key: string) => key in (CATALOGUES[current] ?? {});

/** m:ss.cc of a moment in a video. */
export function clock(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}

/** 45 s, 3:20, 1:05:00: how long something takes. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return t("seconds", { n: whole });
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
