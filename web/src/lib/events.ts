// One stream of events for all tabs of a project: a browser opens only six connections to a host. The tab that holds
// the lock reads the stream and passes it on; when it closes, the next one takes over.
import type { Task } from "./api";

export interface Changed { revision: number; touched: [string, string][] }
export interface Handlers { change: (event: Changed) => void; task: (task: Task) => void }

export function listen(project: string, since: number, handlers: Handlers): () => void {
  const channel = new BroadcastChannel(`krolik.${project}`);
  let revision = since;
  let source: EventSource | null = null;
  let closed = false;
  let release = () => {};

  const receive = (kind: string, text: string) => {
    if (kind === "change") {
      const event = JSON.parse(text) as Changed;
      revision = Math.max(revision, event.revision);
      handlers.change(event);
    } else handlers.task(JSON.parse(text) as Task);
  };
  channel.onmessage = ({ data }: MessageEvent<[string, string]>) => receive(...data);

  const read = () => {
    source = new EventSource(`/api/projects/${project}/events?since=${revision}`);
    for (const kind of ["change", "task"])
      source.addEventListener(kind, ({ data }: MessageEvent<string>) => {
        receive(kind, data);
        channel.postMessage([kind, data]);
      });
  };
  if (navigator.locks)
    void navigator.locks.request(`krolik.events.${project}`, () => {
      if (closed) return undefined;
      read();
      return new Promise<void>((resolve) => (release = resolve));
    });
  else read();

  return () => {
    closed = true;
    source?.close();
    channel.close();
    release();
  };
}
