// Who is signed in, the look of the console, and the way out.
import { useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { api, ask } from "../api/client";
import * as read from "../api/queries";

/** Turns dark into light and back; remembered. */
function turn(): void {
  const root = document.documentElement;
  const theme = root.dataset.theme === "dark" ? "light" : "dark";
  root.dataset.theme = theme;
  try {
    localStorage.setItem("headend.theme", theme);
  } catch {
    // No storage: it holds until the page is loaded again.
  }
}

export function Person({ onKeys }: { onKeys: () => void }) {
  const { data: me } = useSuspenseQuery(read.me);
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  const around = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const away = (event: Event) => {
      const outside = event.type === "pointerdown" && !around.current?.contains(event.target as Node);
      if (outside || (event instanceof KeyboardEvent && event.key === "Escape")) setOpen(false);
    };
    window.addEventListener("pointerdown", away);
    window.addEventListener("keydown", away);
    return () => {
      window.removeEventListener("pointerdown", away);
      window.removeEventListener("keydown", away);
    };
  }, [open]);
  const signOut = async () => {
    await ask(api.POST("/logout"));
    queries.clear();
    await navigate({ to: "/login" });
  };
  const item = "block w-full rounded-md px-3 py-1.5 text-left text-[13px] hover:bg-raised";
  const initials = (me.user.email ?? me.user.name).slice(0, 2).toUpperCase();
  return (
    <div ref={around} className="relative">
      <button
        type="button"
        aria-label={`${initials} (you)`}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="size-8 rounded-full bg-raised text-xs font-semibold text-dim hover:text-text"
      >
        {initials}
      </button>
      {open && (
        <div role="menu" className="absolute right-0 mt-2 w-60 rounded-xl border border-line bg-panel p-2 shadow-[var(--shadow)]">
          <div className="truncate px-3 py-1.5 text-xs text-dim">{me.user.email ?? me.user.name}</div>
          <Link to="/account" role="menuitem" className={item} onClick={() => setOpen(false)}>
            Account and second factor
          </Link>
          <button type="button" role="menuitem" className={item} onClick={turn}>
            Dark or light
          </button>
          <button type="button" role="menuitem" className={item} onClick={onKeys}>
            Keyboard
          </button>
          <button type="button" role="menuitem" className={item} onClick={() => void signOut()}>
            Sign out
          </button>
        </div>
      )}
    </div>
  );
}
