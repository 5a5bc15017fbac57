// The keyboard: one search, one help, and `g` with a letter to go somewhere. Nothing is taken from who types.
import { useEffect, useRef } from "react";

/** How long after `g` the letter may come, in milliseconds. */
const CHORD_MS = 1200;

type Keys = { search: () => void; help: () => void; go: (key: string) => void };

/** Whether the keyboard belongs to an input. */
function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName) || target.closest("dialog") !== null;
}

export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    let since = 0;
    const pressed = (event: KeyboardEvent) => {
      const palette = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
      if (palette || (event.key === "/" && !typing(event.target))) {
        event.preventDefault();
        latest.current.search();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
      if (event.key === "?") latest.current.help();
      else if (event.key === "g") since = event.timeStamp;
      else if (event.timeStamp - since < CHORD_MS) {
        since = 0;
        latest.current.go(event.key);
      }
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
}
