// Everybody who is online, as the server's memory has it; or who was. A hundred thousand rows scroll like ten: only what is
// in view is asked for. What is chosen can be ended, after it was shown.
import { useSuspenseQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import * as read from "../../api/queries";
import { may } from "../../logic/permission";
import { count, plural } from "../../logic/words";
import { Button } from "../../ui/button";
import { PageHead, Panel } from "../../ui/panel";
import { Disconnect } from "../subscriber/disconnect";
import { Grid } from "./grid";

/** Most sessions that are ended at once from here. */
const CHOSEN_MAX = 50;

export function Sessions() {
  const { partner } = useParams({ from: "/signed/p/$partner/sessions" });
  const search = useSearch({ from: "/signed/p/$partner/sessions" });
  const navigate = useNavigate({ from: "/p/$partner/sessions" });
  const { data: me } = useSuspenseQuery(read.me);
  const [chosen, setChosen] = useState<ReadonlyMap<string, read.Session>>(new Map());
  const [ending, setEnding] = useState(false);
  const [total, setTotal] = useState<number | null>(null);
  const closed = search.state === "closed";
  const filter: read.SessionFilter = {
    state: closed ? "closed" : "open",
    ...(search.username ? { username: search.username } : {}),
    ...(search.nas ? { nas: search.nas } : {}),
  };
  const acts = !closed && may(me, partner, "radius:sessions:disconnect");
  const choose = (session: read.Session) => {
    const next = new Map(chosen);
    if (!next.delete(session.id) && next.size < CHOSEN_MAX) next.set(session.id, session);
    setChosen(next);
  };
  const narrow = (change: { username?: string | undefined; nas?: string | undefined; state?: "closed" | undefined }) => {
    setChosen(new Map());
    void navigate({
      search: (was) => {
        const { state, ...rest } = { ...was, ...change };
        return state ? { ...rest, state } : rest;
      },
      replace: true,
    });
  };
  return (
    <>
      <PageHead title={closed ? "Closed sessions" : "Live sessions"} sub={total === null ? "…" : `${count(total)} ${closed ? "on record" : "open"}`}>
        {acts && chosen.size > 0 && (
          <>
            <span className="num text-sm text-dim">
              {chosen.size} chosen{chosen.size === CHOSEN_MAX && ` (at most ${CHOSEN_MAX})`}
            </span>
            <Button look="quiet" onClick={() => setChosen(new Map())}>
              none
            </Button>
            <Button look="danger" onClick={() => setEnding(true)}>
              Disconnect {plural(chosen.size, "session")}
            </Button>
          </>
        )}
      </PageHead>
      <Panel>
        <div className="flex flex-wrap items-center gap-3 border-b border-line p-3">
          <Exact label="User name, exactly" value={search.username} set={(username) => narrow({ username })} />
          <Exact label="NAS, by name" value={search.nas} set={(nas) => narrow({ nas })} />
          <div role="group" aria-label="Which" className="flex overflow-hidden rounded-[7px] border border-line text-[13px]">
            {(["open", "closed"] as const).map((state) => (
              <button
                key={state}
                type="button"
                aria-pressed={filter.state === state}
                className={`px-3 py-1.5 ${filter.state === state ? "bg-accent text-on-accent" : "hover:bg-raised"}`}
                onClick={() => narrow({ state: state === "closed" ? "closed" : undefined })}
              >
                {state}
              </button>
            ))}
          </div>
        </div>
        <Grid key={JSON.stringify(filter)} partner={partner} filter={filter} total={setTotal} chosen={chosen} choose={acts ? choose : null} />
      </Panel>
      {ending && (
        <Disconnect
          partner={partner}
          sessions={[...chosen.values()]}
          close={() => {
            setEnding(false);
            setChosen(new Map());
          }}
        />
      )}
    </>
  );
}

/** A filter that takes effect when it is left or confirmed: the server compares exactly. */
function Exact({ label, value, set }: { label: string; value: string | undefined; set: (value: string | undefined) => void }) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        set(String(new FormData(event.currentTarget).get("value") ?? "").trim() || undefined);
      }}
    >
      <input
        key={value}
        name="value"
        type="search"
        aria-label={label}
        placeholder={label}
        defaultValue={value}
        className="field sm:!w-56"
        onBlur={(event) => {
          const typed = event.target.value.trim() || undefined;
          if (typed !== value) set(typed);
        }}
      />
    </form>
  );
}
