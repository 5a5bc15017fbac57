// The pieces a page is made of: its head, and panels with a title and a corner.
import type { ReactNode } from "react";

export function PageHead({ title, sub, children }: { title: ReactNode; sub?: ReactNode; children?: ReactNode }) {
  return (
    <header className="mb-5 flex flex-wrap items-start justify-between gap-3">
      <div className="min-w-0">
        <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
        {sub && <div className="mt-1 text-sm text-dim">{sub}</div>}
      </div>
      {children && <div className="no-print flex flex-wrap items-center gap-2">{children}</div>}
    </header>
  );
}

export function Panel({
  title,
  corner,
  children,
  className = "",
}: {
  title?: ReactNode;
  corner?: ReactNode;
  children: ReactNode;
  className?: string;
}) {
  return (
    <section className={`panel min-w-0 ${className}`}>
      {title && (
        <div className="flex min-h-11 flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-2">
          <h2 className="text-[13px] font-semibold">{title}</h2>
          {corner}
        </div>
      )}
      {children}
    </section>
  );
}

/** Facts by name, one a line. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5 px-4 py-3 text-sm">{children}</dl>;
}

/** One fact. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-dim">{name}</dt>
      <dd className="num min-w-0 break-words">{children}</dd>
    </>
  );
}

/** A number that matters, with what it counts. */
export function Figure({ value, label, tone = "text-text" }: { value: ReactNode; label: ReactNode; tone?: string }) {
  return (
    <div className="panel px-4 py-3">
      <div className={`num text-2xl font-semibold tracking-tight ${tone}`}>{value}</div>
      <div className="mt-0.5 text-xs text-dim">{label}</div>
    </div>
  );
}
