// Every action with its keys. Keys are matched by their place on the keyboard (event.code), so that they work under
// any layout. The help, the tooltips and the rebinding are made from this list.

export interface Action { id: string; group: Group; keys: string[]; hold?: boolean }
export const GROUPS = ["frames", "place", "animal", "view", "general"] as const;
export type Group = (typeof GROUPS)[number];

export const ACTIONS: Action[] = [
  { id: "next", group: "frames", keys: ["KeyD", "ArrowRight"], hold: true },
  { id: "previous", group: "frames", keys: ["KeyA", "ArrowLeft"], hold: true },
  { id: "next-10", group: "frames", keys: ["Shift+ArrowRight", "Shift+KeyD"], hold: true },
  { id: "previous-10", group: "frames", keys: ["Shift+ArrowLeft", "Shift+KeyA"], hold: true },
  { id: "queue-next", group: "frames", keys: ["Space"] },
  { id: "queue-previous", group: "frames", keys: ["Shift+Space"] },
  { id: "labelled-next", group: "frames", keys: ["Alt+ArrowRight"] },
  { id: "labelled-previous", group: "frames", keys: ["Alt+ArrowLeft"] },
  { id: "first", group: "frames", keys: ["Home"] },
  { id: "last", group: "frames", keys: ["End"] },
  { id: "go-to", group: "frames", keys: ["KeyG"] },
  { id: "play", group: "frames", keys: ["KeyP"] },
  { id: "mark", group: "frames", keys: ["KeyV"] },
  { id: "keypoint-next", group: "place", keys: ["KeyS", "ArrowDown"] },
  { id: "keypoint-previous", group: "place", keys: ["KeyW", "ArrowUp"] },
  { id: "absent", group: "place", keys: ["KeyE"] },
  { id: "occluded", group: "place", keys: ["KeyQ"] },
  { id: "cycle-state", group: "place", keys: ["KeyX"] },
  { id: "delete", group: "place", keys: ["Backspace", "Delete"] },
  { id: "mode", group: "place", keys: ["KeyM"] },
  { id: "accept", group: "place", keys: ["Enter"] },
  { id: "next-animal", group: "animal", keys: ["Tab"] },
  { id: "previous-animal", group: "animal", keys: ["Shift+Tab"] },
  { id: "new-animal", group: "animal", keys: ["KeyT"] },
  { id: "delete-animal", group: "animal", keys: ["Shift+Backspace", "Shift+Delete"] },
  { id: "copy-previous", group: "animal", keys: ["KeyC"] },
  { id: "copy-point", group: "animal", keys: ["Shift+KeyC"] },
  { id: "copy", group: "animal", keys: ["Ctrl+KeyC"] },
  { id: "paste", group: "animal", keys: ["Ctrl+KeyV"] },
  { id: "interpolate", group: "animal", keys: ["KeyI"] },
  { id: "swap", group: "animal", keys: ["KeyL"] },
  { id: "no-animal", group: "animal", keys: ["KeyN"] },
  { id: "fit", group: "view", keys: ["KeyF"] },
  { id: "zoom-in", group: "view", keys: ["Equal", "NumpadAdd"], hold: true },
  { id: "zoom-out", group: "view", keys: ["Minus", "NumpadSubtract"], hold: true },
  { id: "loupe", group: "view", keys: ["KeyZ"], hold: true },
  { id: "hide", group: "view", keys: ["KeyH"], hold: true },
  { id: "brightness", group: "view", keys: ["KeyB"], hold: true },
  { id: "undo", group: "general", keys: ["Ctrl+KeyZ"] },
  { id: "redo", group: "general", keys: ["Ctrl+Shift+KeyZ", "Ctrl+KeyY"] },
  { id: "save", group: "general", keys: ["Ctrl+KeyS"] },
  { id: "drop", group: "general", keys: ["Escape"] },
  { id: "help", group: "general", keys: ["F1", "Shift+Slash", "Ctrl+KeyK"] },
];

const STORAGE = "krolik.keys";
const rebound = $state<Record<string, string[]>>(JSON.parse(localStorage.getItem(STORAGE) ?? "{}"));

export const keysOf = (id: string): string[] => rebound[id] ?? ACTIONS.find((a) => a.id === id)?.keys ?? [];
export const isRebound = (id: string) => id in rebound;

export function rebind(id: string, keys: string[] | null) {
  if (keys === null) delete rebound[id];
  else rebound[id] = keys;
  localStorage.setItem(STORAGE, JSON.stringify(rebound));
}

/** The action that has this key already, if one does. */
export const holder = (chord: string): string | undefined => ACTIONS.find((a) => keysOf(a.id).includes(chord))?.id;

/** "Ctrl+Shift+KeyZ"; Cmd counts as Ctrl. */
export function chordOf(event: KeyboardEvent): string {
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  if (event.shiftKey) parts.push("Shift");
  return [...parts, event.code].join("+");
}

export const isModifier = (event: KeyboardEvent) => /^(Control|Shift|Alt|Meta)(Left|Right)$/.test(event.code);

/** The keypoint's place that a digit key means: 1 is the first, 0 the tenth. */
export function digitOf(event: KeyboardEvent): number | null {
  const found = /^(Digit|Numpad)(\d)$/.exec(event.code);
  return found && !event.ctrlKey && !event.altKey && !event.metaKey ? (Number(found[2]) + 9) % 10 : null;
}

const CAPS: Record<string, string> = {
  ArrowRight: "→", ArrowLeft: "←", ArrowUp: "↑", ArrowDown: "↓", Equal: "+", Minus: "−", Slash: "/", Escape: "Esc",
  NumpadAdd: "Num +", NumpadSubtract: "Num −", Backspace: "⌫", Delete: "Del",
};
// what is printed on the same key of a Russian keyboard
const CYRILLIC: Record<string, string> = {
  Q: "Й", W: "Ц", E: "У", R: "К", T: "Е", Y: "Н", U: "Г", I: "Ш", O: "Щ", P: "З", A: "Ф", S: "Ы", D: "В", F: "А",
  G: "П", H: "Р", J: "О", K: "Л", L: "Д", Z: "Я", X: "Ч", C: "С", V: "М", B: "И", N: "Т", M: "Ь",
};

/** What a chord looks like on the keyboard: "Ctrl + Z"; in Russian "Ctrl + Z / Я". */
export function capOf(chord: string, language: string): string {
  return chord
    .split("+")
    .map((part) => {
      const letter = /^Key([A-Z])$/.exec(part)?.[1];
      if (letter) return language === "ru" ? `${letter} / ${CYRILLIC[letter]}` : letter;
      return CAPS[part] ?? part.replace(/^Digit/, "");
    })
    .join(" + ");
}

/** Repeats an action while its key is held, faster and faster. */
const DELAY_MS = 400;
const PACE_MS = [180, 100, 40];
const STEPS_PER_PACE = 4;

export class Holder {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private code = "";

  press(code: string, act: () => void) {
    if (this.code === code) return;
    this.release();
    this.code = code;
    act();
    let steps = 0;
    const again = () => {
      act();
      const pace = PACE_MS[Math.min(PACE_MS.length - 1, Math.floor(++steps / STEPS_PER_PACE))];
      this.timer = setTimeout(again, pace);
    };
    this.timer = setTimeout(again, DELAY_MS);
  }

  release(code?: string) {
    if (code !== undefined && code !== this.code) return;
    clearTimeout(this.timer);
    this.code = "";
  }
}
