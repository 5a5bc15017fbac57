// A form that is one act: sends once, shows what was wrong beside the field it belongs to, closes when it is done.
import { type FormEvent, type ReactNode, useState } from "react";
import { Failure } from "../api/client";
import { Button } from "./button";

/** The mistake of a field, by its name in the body. */
export type Mistakes = (name: string) => string | undefined;

export function Form({
  send,
  done,
  label,
  danger = false,
  children,
  aside,
}: {
  /** Does it; what it throws is shown. */
  send: (data: FormData) => Promise<unknown>;
  /** After it is done. */
  done: () => void;
  /** What the button says. */
  label: string;
  danger?: boolean;
  children: (mistake: Mistakes) => ReactNode;
  aside?: ReactNode;
}) {
  const [failed, setFailed] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const fields = failed instanceof Failure ? failed.fields : [];
  const mistake: Mistakes = (name) => fields.find((field) => field.pointer.replace(/^\//, "") === name)?.message;
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    setBusy(true);
    setFailed(null);
    try {
      await send(data);
      done();
    } catch (error) {
      setFailed(error instanceof Error ? error : new Error(String(error)));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      {children(mistake)}
      {failed && (
        <div role="alert" className="mb-4 rounded-lg bg-bad-ground px-3 py-2 text-sm text-bad">
          {failed.message}
          {fields.map((field) => (
            <div key={field.pointer}>
              {field.pointer.replace(/^\//, "")}: {field.message}
            </div>
          ))}
        </div>
      )}
      <div className="flex items-center justify-end gap-2">
        {aside}
        <Button type="submit" look={danger ? "danger" : "main"} busy={busy}>
          {label}
        </Button>
      </div>
    </form>
  );
}

/** A text out of a form; trimmed, empty when absent. */
export function text(data: FormData, name: string): string {
  const value = data.get(name);
  return typeof value === "string" ? value.trim() : "";
}
