// A piece of text to take along: shown as it is, copied by a press.
import { useState } from "react";

/** How long "copied" stands, in milliseconds. */
const SAID_MS = 1600;

export function Copy({ text, secret = false }: { text: string; secret?: boolean }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), SAID_MS);
  };
  return (
    <span className="flex min-w-0 items-center gap-2 rounded-lg bg-raised px-3 py-2">
      <code className={`min-w-0 flex-1 font-mono text-xs break-all ${secret ? "select-all" : ""}`}>{text}</code>
      <button type="button" onClick={() => void copy()} className="shrink-0 text-xs font-medium text-accent hover:underline">
        {copied ? "copied" : "copy"}
      </button>
    </span>
  );
}
