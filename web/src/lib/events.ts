// One stream of events for all tabs of a project: a browser opens only six connections to a host. The tab that holds
// the lock reads the stream and passes it on; when it closes, the next one takes over.
import type { Job, Said } from "./api";

export interface Changed { revision: number; touched: [string, string][] }
export interface Handlers { change: (event: Changed) => void; job: (job: Job) => void; said: (said: Said) => void }

/** since: the last change that is known; event: the number of the last thing that a job is known to have said. */
export function listen(project: string, since: number, event: number, handlers: Handlers): () => void {
  const channel = new BroadcastChannel(`krolik.${project}`);
  let revision = since;
  let last = event;
  let source: EventSource | null = null;
  let closed = false;
  let release = () => {};

  const receive = (kind: string, text: string) => {
    if (kind === "change") {
      const change = JSON.parse(text) as Changed;
      revision = Math.max(revision, change.revision);
      handlers.change(change);
    } else if (kind === "said") {
      const said = JSON.parse(text) as Said;
      if (said.id <= last) return; // heard already, from another tab
      last = said.id;
      handlers.said(said);
    } else handlers.job(JSON.parse(text) as Job);
  };
  channel.onmessage = ({ data }: MessageEvent<[string, string]>) => receive(...data);

  const read = () => {
    source = new EventSource(`/api/projects/${project}/events?since=${revision}&event=${last}`);
    for (const kind of ["change", "job", "said"])
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
