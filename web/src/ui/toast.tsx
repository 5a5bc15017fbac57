// A word that something is done; read out to who does not see it, gone by itself.
import { useSyncExternalStore } from "react";

/** How long a word stands, in milliseconds. */
const STANDS_MS = 5000;
/** Most words at once. */
const WORDS_MAX = 3;

let words: { id: number; text: string }[] = [];
let next = 0;
const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of listeners) listener();
}

/** Says something. */
export function say(text: string): void {
  next += 1;
  const id = next;
  words = [...words, { id, text }].slice(-WORDS_MAX);
  tell();
  setTimeout(() => {
    words = words.filter((word) => word.id !== id);
    tell();
  }, STANDS_MS);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => words,
  );
  return (
    <div role="status" aria-live="polite" className="no-print pointer-events-none fixed inset-x-0 bottom-5 z-50 flex flex-col items-center gap-2">
      {shown.map((word) => (
        <div key={word.id} className="rounded-lg bg-text px-4 py-2 text-sm text-ground shadow-[var(--shadow)] [animation:rise_.2s_ease-out]">
          {word.text}
        </div>
      ))}
    </div>
  );
}
