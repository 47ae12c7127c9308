// How what a dialog does is written on the command line and in Python.

import type { Smoothing } from "./api";

const PLAIN = /^[\w./:=,@%+-]+$/;

export const quoted = (text: string) => (PLAIN.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
export const literal = (text: string) => JSON.stringify(text);

export const krolik = (...parts: (string | number)[]) => ["krolik", ...parts.map((p) => quoted(String(p)))].join(" ");
/** Options that say how predictions are smoothed. */
export const smoothed = ({ method, frames, fill, threshold }: Smoothing) => [
  ...(method === "none" ? [] : ["--smooth", `${method}:${frames}`]), ...(fill ? ["--fill", fill] : []),
  ...(threshold ? ["--least-score", threshold] : [])];
export const python = (path: string, verb: string, ...values: string[]) =>
  `krolik.open(${literal(path)}).${verb}(${values.join(", ")})`;
