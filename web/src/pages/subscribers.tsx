// Everybody who has an access service: found on the server by user name, name and status; added here.
import { keepPreviousData, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import * as read from "../api/queries";
import { may } from "../logic/permission";
import { count } from "../logic/words";
import { Button } from "../ui/button";
import { Empty, Fresh, Read } from "../ui/fresh";
import { PageHead, Panel } from "../ui/panel";
import { State, statusTone } from "../ui/state";
import { Pager, Table } from "../ui/table";
import { When } from "../ui/time";
import { NewSubscriber } from "./subscriber/new";

/** Rows of a page, as the query asks for them. */
const ROWS = 50;

export function Subscribers() {
  const { partner } = useParams({ from: "/signed/p/$partner/subscribers" });
  const search = useSearch({ from: "/signed/p/$partner/subscribers" });
  const navigate = useNavigate({ from: "/p/$partner/subscribers" });
  const { data: me } = useSuspenseQuery(read.me);
  const [adding, setAdding] = useState(false);
  const page = search.page ?? 1;
  const filter: read.SubscriberFilter = { page, ...(search.q ? { q: search.q } : {}), ...(search.status ? { status: search.status } : {}) };
  const query = useQuery({ ...read.subscribers(partner, filter), placeholderData: keepPreviousData });
  const total = query.data?.meta.total ?? 0;
  return (
    <>
      <PageHead title="Subscribers" sub={query.data ? `${count(total)} ${search.q || search.status ? "match" : "in all"}` : "…"}>
        <Fresh of={query} />
        {may(me, partner, "radius:subscribers:write") && (
          <Button look="main" onClick={() => setAdding(true)}>
            Add a subscriber
          </Button>
        )}
      </PageHead>
      <Panel>
        <div className="flex flex-wrap gap-3 border-b border-line p-3">
          <input
            type="search"
            aria-label="A piece of the user name or the name"
            placeholder="A piece of the user name or the name"
            className="field max-w-sm"
            value={search.q ?? ""}
            onChange={(event) => void navigate({ search: (was) => ({ ...was, q: event.target.value || undefined, page: 1 }), replace: true })}
          />
          <select
            aria-label="Status"
            className="field !w-auto"
            value={search.status ?? ""}
            onChange={(event) => void navigate({ search: (was) => ({ ...was, status: event.target.value || undefined, page: 1 }), replace: true })}
          >
            <option value="">any status</option>
            <option value="active">active</option>
            <option value="suspended">suspended</option>
            <option value="terminated">terminated</option>
          </select>
        </div>
        <Read query={query} rows={8}>
          {(list) =>
            list.data.length === 0 ? (
              <Empty title={search.q || search.status ? "Nobody is like that." : "There are no subscribers yet."}>
                {search.q ? (
                  <>
                    Somebody may try to log in by that name all the same:{" "}
                    <Link to="/p/$partner/logins" params={{ partner }} search={{ username: search.q }} className="text-accent underline">
                      logins of “{search.q}”
                    </Link>
                  </>
                ) : (
                  "Add one, or move them in from FreeRADIUS or a list with headend import."
                )}
              </Empty>
            ) : (
              <Table
                label="Subscribers"
                rows={list.data}
                id={(row) => row.id}
                columns={[
                  {
                    title: "User name",
                    cell: (row) => (
                      <Link to="/p/$partner/subscribers/$id" params={{ partner, id: row.id }} className="font-medium hover:underline">
                        {row.username}
                      </Link>
                    ),
                  },
                  { title: "Name", cell: (row) => <span className="text-dim">{row.name || "–"}</span>, wide: true },
                  { title: "State", cell: (row) => <Service of={row} /> },
                  { title: "Since", cell: (row) => <When at={row.status_since} as="ago" />, wide: true },
                  { title: "Plan", cell: (row) => row.plan },
                  { title: "Site", cell: (row) => <span className="text-dim">{`${row.client}/${row.site}`}</span>, wide: true },
                ]}
              />
            )
          }
        </Read>
        <Pager page={page} total={total} rows={ROWS} turn={(to) => void navigate({ search: (was) => ({ ...was, page: to }) })} />
      </Panel>
      {adding && <NewSubscriber partner={partner} close={() => setAdding(false)} />}
    </>
  );
}

/** The status with its reason. */
function Service({ of }: { of: read.Subscriber }) {
  return (
    <span className="flex flex-wrap items-center gap-2">
      <State tone={statusTone(of.status)}>{of.status}</State>
      {of.status_reason && <span className="text-xs text-dim">{of.status_reason}</span>}
    </span>
  );
}
