// What is wished of the next training; it stays while one looks at other places.

/** The engine that is Krolik itself. */
export const NATIVE = "native";

type Setting = "network" | "width" | "pipeline" | "scale" | "batch_size" | "pretrained" | "seed" | "input_px";
// fields of the plan that are settings of their own, and what kind of number they are; the others go by their names
const SETTINGS: Record<string, [Setting, "text" | "number" | "whole"]> = {
  network: ["network", "text"], pipeline: ["pipeline", "text"], pretrained: ["pretrained", "text"], width: ["width", "number"],
  scale: ["scale", "number"], batch_size: ["batch_size", "whole"], seed: ["seed", "whole"], input_size: ["input_px", "whole"],
};

/** The value of a setting; null if the text is none. A size in pixels may be given as "256 256" or 256x256. */
function valueOf(field: string, text: string): string | number | null {
  const kind = SETTINGS[field]?.[1] ?? "text";
  if (kind === "text") return text;
  const parts = field === "input_size" ? text.split(/[\s,x×]+/).filter(Boolean) : [text];
  const number = Number(parts[0]);
  const good = parts.every((part) => part === parts[0]) && text.trim() !== "" && (kind === "whole" ? Number.isInteger(number) : Number.isFinite(number));
  return good ? number : null;
}

const OPTIONS: Partial<Record<Setting, string>> = { batch_size: "--batch", input_px: "--input" };

export class Wishes {
  budget = $state("5m");
  /** The budget in the user's own words, if there are any. */
  own = $state("");
  split = $state("");
  base = $state("auto");
  /** Who trains: Krolik itself, or another framework by its name. */
  engine = $state(NATIVE);
  /** By field of the plan: what the user wrote. */
  fields = $state.raw<Record<string, string>>({});

  /** Wishes something of a field, or nothing with no text; false, and nothing changes, if that can be no value. */
  wish(field: string, text: string): boolean {
    if (text && valueOf(field, text) === null) return false;
    const { [field]: _, ...others } = this.fields;
    this.fields = text ? { ...others, [field]: text } : others;
    return true;
  }

  /** Another one trains, of which other things can be wished. */
  trainBy(engine: string) {
    this.engine = engine;
    this.fields = {};
    this.base = "auto";
  }

  /** What the server is asked for. */
  get body(): Record<string, unknown> & { budget: string; split?: string } {
    const body: Record<string, unknown> & { budget: string; split?: string } = { budget: this.own.trim() || this.budget };
    if (this.split.trim()) body.split = this.split.trim();
    if (this.engine !== NATIVE) body.engine = this.engine;
    if (this.base !== "auto") body.pretrained = this.base;
    const overrides: Record<string, string> = {};
    for (const [field, text] of Object.entries(this.fields)) {
      const setting = SETTINGS[field]?.[0];
      if (setting) body[setting] = valueOf(field, text);
      else overrides[field] = text;
    }
    return Object.keys(overrides).length ? { ...body, overrides } : body;
  }

  /** The same on the command line. */
  get options(): string[] {
    return Object.entries(this.body).flatMap(([name, value]) => name === "overrides"
      ? Object.entries(value as Record<string, string>).flatMap(([field, text]) => ["--set", `${field}=${text}`])
      : [OPTIONS[name as Setting] ?? `--${name}`, String(value)]);
  }

  /** The same in Python. */
  get keywords(): string[] {
    return Object.entries(this.body).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  }
}
