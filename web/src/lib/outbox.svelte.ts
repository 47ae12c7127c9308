// Edits on their way to the server. An edit is here until the server has said that it is on the disk; it is also in
// the browser's storage, so that a reload, a crash or a server that is away loses none. Each has a name, and the
// server makes an edit of the same name once, however often it comes.
import { call, operationName, Refused, type Document, type Operation } from "./api";

export interface Edit { operation: string; video: string; frame: number; operations: Operation[] }
const AGAIN_MS = 1000;
const FINAL = new Set([400, 404, 413, 415, 422]); // sending these again would change nothing

const tab = sessionStorage.getItem("krolik.tab") ?? operationName().slice(0, 12);
sessionStorage.setItem("krolik.tab", tab);

export class Outbox {
  pending = $state<Edit[]>([]);
  /** Why edits wait, when they do. */
  trouble = $state<Refused | null>(null);
  private key: string;
  private sending = false;
  private emptied: (() => void)[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private project: string,
    private onSaved: (edit: Edit, document: Document | null, revision: number) => void,
    private onRefused: (edit: Edit, why: Refused) => void,
  ) {
    this.key = `krolik.outbox.${project}.${tab}`;
    this.pending = JSON.parse(localStorage.getItem(this.key) ?? "[]") as Edit[];
    void navigator.locks?.request(this.key, () => new Promise(() => {}));
    void this.adopt();
    void this.send();
  }

  /** Edits that a closed tab left behind are sent by the next one. */
  private async adopt() {
    if (!navigator.locks) return;
    const held = new Set((await navigator.locks.query()).held?.map((lock) => lock.name));
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(`krolik.outbox.${this.project}.`) || key === this.key || held.has(key)) continue;
      this.pending.push(...(JSON.parse(localStorage.getItem(key) ?? "[]") as Edit[]));
      this.remember();
      localStorage.removeItem(key);
    }
    void this.send();
  }

  private remember() {
    if (this.pending.length) localStorage.setItem(this.key, JSON.stringify(this.pending));
    else localStorage.removeItem(this.key);
  }

  push(video: string, frame: number, operations: Operation[]) {
    this.pending.push({ operation: operationName(), video, frame, operations });
    this.remember();
    void this.send();
  }

  /** Resolves when everything is saved; rejects while the server cannot take it. */
  flush(): Promise<void> {
    if (!this.pending.length) return Promise.resolve();
    if (this.trouble) return Promise.reject(this.trouble);
    return new Promise((resolve, reject) => {
      this.emptied.push(() => (this.pending.length && this.trouble ? reject(this.trouble) : resolve()));
    });
  }

  private async send() {
    if (this.sending) return;
    this.sending = true;
    while (this.pending.length) {
      const edit = this.pending[0]!;
      try {
        const answer = await call<{ document: Document | null; revision: number }>(
          "POST", `/api/projects/${this.project}/videos/${edit.video}/labels/${edit.frame}`,
          { operation: edit.operation, operations: edit.operations });
        this.trouble = null;
        this.pending.shift();
        this.remember();
        this.onSaved(edit, answer.document, answer.revision);
      } catch (error) {
        const refused = error instanceof Refused ? error : new Refused({ code: "other", message: String(error), values: {} }, 0);
        if (FINAL.has(refused.status)) {
          this.pending.shift();
          this.remember();
          this.onRefused(edit, refused);
          continue;
        }
        this.trouble = refused;
        break;
      }
    }
    this.sending = false;
    this.emptied.splice(0).forEach((done) => done());
    clearTimeout(this.timer);
    if (this.pending.length) this.timer = setTimeout(() => void this.send(), AGAIN_MS);
  }
}
