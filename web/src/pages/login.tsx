// Signing in: name and password, then a code for who has a second factor. The session comes as a cookie.
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { Failure, api, ask } from "../api/client";
import * as read from "../api/queries";
import { Button } from "../ui/button";
import { Field } from "../ui/field";

/** Only an address of ours, so that nobody is led away by a link. */
function ours(next: string | undefined): string {
  return next?.startsWith("/") && !next.startsWith("//") && !next.startsWith("/login") ? next : "/";
}

export function Login() {
  const { next } = useSearch({ from: "/login" });
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [coded, setCoded] = useState(false);
  const [failed, setFailed] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    document.title = "Sign in · Headend";
  }, []);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const body = {
      email: String(data.get("email") ?? "").trim(),
      password: String(data.get("password") ?? ""),
      ...(coded ? { code: String(data.get("code") ?? "").trim() } : {}),
    };
    setBusy(true);
    setFailed(null);
    try {
      await ask(api.POST("/login", { body }));
      queries.clear();
      await queries.fetchQuery(read.me);
      await navigate({ href: ours(next), replace: true });
    } catch (error) {
      if (error instanceof Failure && error.code === "second_factor_required") setCoded(true);
      else setFailed(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex items-center gap-3">
          <img src="/favicon.svg" alt="" className="size-10" />
          <div>
            <h1 className="text-lg font-semibold tracking-tight">Headend</h1>
            <p className="text-sm text-dim">{next ? "Your session is over. Sign in to go on where you were." : "Sign in to the console"}</p>
          </div>
        </div>
        <form className="panel p-6" onSubmit={(event) => void submit(event)}>
          <Field label="E-mail address" name="email" type="email" autoComplete="username" required autoFocus readOnly={coded} />
          <Field label="Password" name="password" type="password" autoComplete="current-password" required readOnly={coded} />
          {coded && (
            <Field
              label="Code"
              name="code"
              autoComplete="one-time-code"
              inputMode="numeric"
              required
              autoFocus
              hint="Of the app on your telephone, or one of your backup codes."
            />
          )}
          {failed && (
            <p role="alert" className="mb-4 rounded-lg bg-bad-ground px-3 py-2 text-sm text-bad">
              {failed}
            </p>
          )}
          <Button type="submit" look="main" busy={busy} className="w-full !py-2">
            {coded ? "Go on" : "Sign in"}
          </Button>
        </form>
      </div>
    </main>
  );
}
