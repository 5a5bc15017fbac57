// What is pressed. One main thing a view; what hurts is red and asks again elsewhere.
import type { ButtonHTMLAttributes, ReactNode } from "react";

type Look = "main" | "plain" | "quiet" | "danger";

const LOOKS: Record<Look, string> = {
  main: "bg-accent text-on-accent border-transparent hover:brightness-110",
  plain: "bg-panel text-text border-line hover:bg-raised",
  quiet: "bg-transparent text-dim border-transparent hover:bg-raised hover:text-text",
  danger: "bg-bad-ground text-bad border-transparent hover:brightness-105",
};

export function Button({
  look = "plain",
  busy = false,
  children,
  className = "",
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { look?: Look; busy?: boolean; children: ReactNode }) {
  return (
    <button
      type="button"
      {...rest}
      disabled={rest.disabled || busy}
      aria-busy={busy || undefined}
      className={`inline-flex items-center justify-center gap-2 whitespace-nowrap rounded-[7px] border px-3 py-1.5 text-[13px] font-medium transition disabled:cursor-not-allowed disabled:opacity-50 ${LOOKS[look]} ${className}`}
    >
      {busy && <Spinner />}
      {children}
    </button>
  );
}

/** Says that something is under way. */
export function Spinner() {
  return <span aria-hidden className="size-3.5 animate-spin rounded-full border-2 border-current border-r-transparent" />;
}
