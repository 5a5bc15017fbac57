// Instants: near in words, exact on hover, in UTC as the log has it. One clock for all of them.
import { useSyncExternalStore } from "react";
import { ago, local, utc } from "../logic/words";

/** How often what says "ago" moves on, in milliseconds. */
const TICK_MS = 1000;

const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time, a second apart. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

/** When something was. */
export function When({ at, as = "local" }: { at: string; as?: "local" | "ago" }) {
  const current = useNow();
  const other = as === "ago" ? local(at, current) : ago(at, current);
  return (
    <time dateTime={at} title={`${utc(at)} · ${other}`} className="whitespace-nowrap">
      {as === "ago" ? ago(at, current) : local(at, current)}
    </time>
  );
}
