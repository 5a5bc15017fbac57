// How fresh what is shown is, and what to do when it is not. Every panel that reads carries one.
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Failure } from "../api/client";
import { duration } from "../logic/words";
import { Button } from "./button";
import { useNow } from "./time";

/** Since when what is shown may be older than it looks: three paces and a bit, in seconds. */
const STALE_S = 20;

type Read = Pick<UseQueryResult<unknown>, "dataUpdatedAt" | "isError" | "isFetching" | "refetch">;

/** The age of what was read; says so loudly when it could not be read again. */
export function Fresh({ of }: { of: Read }) {
  const now = useNow();
  if (of.dataUpdatedAt === 0) return null;
  const age = Math.max(0, Math.floor((now - of.dataUpdatedAt) / 1000));
  if (of.isError) {
    return (
      <span role="status" className="inline-flex items-center gap-2 rounded-full bg-warn-ground px-2 py-0.5 text-xs text-warn">
        Stale: read {duration(age)} ago
        <button type="button" className="underline" onClick={() => void of.refetch()}>
          try again
        </button>
      </span>
    );
  }
  return (
    <span className="num text-xs text-faint" title="When this was read from the server">
      {age < STALE_S ? "live" : `read ${duration(age)} ago`}
    </span>
  );
}

/** What went wrong, and a way on. */
export function Trouble({ error, retry }: { error: Error; retry?: (() => void) | undefined }) {
  const failure = error instanceof Failure ? error : null;
  return (
    <div role="alert" className="m-4 rounded-lg border border-line bg-bad-ground p-4 text-bad">
      <p className="font-medium">{failure?.passing ? "The server cannot answer this now" : "This did not work"}</p>
      <p className="mt-1 text-sm">{error.message}</p>
      {failure?.fields.map((field) => (
        <p key={field.pointer} className="mt-1 text-sm">
          {field.pointer.replace(/^\//, "")}: {field.message}
        </p>
      ))}
      {failure?.requestId && <p className="mt-2 text-xs">request {failure.requestId}</p>}
      {retry && (
        <Button className="mt-3" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** What stands while nothing was read yet. */
export function Waiting({ rows = 3 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="space-y-3 p-4">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="pulse h-5" />
      ))}
    </div>
  );
}

/** What stands where there is nothing: why, and what would bring something. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="px-6 py-10 text-center">
      <p className="font-medium text-dim">{title}</p>
      {children && <div className="mx-auto mt-1 max-w-lg text-sm text-faint">{children}</div>}
    </div>
  );
}

/** Shows a query's data; waiting and trouble have their own looks, and old data stays while new does not come. */
export function Read<T>({ query, children, rows }: { query: UseQueryResult<T>; children: (data: T) => ReactNode; rows?: number }) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} />;
  return <Waiting {...(rows === undefined ? {} : { rows })} />;
}
