// Who did what, when, from where, with what outcome. Nothing here can be changed; the lines are chained, and whoever has an
// export can verify that none is missing or other than it was.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import * as read from "../../api/queries";
import { changes } from "../../logic/timeline";
import { count } from "../../logic/words";
import { Empty, Fresh, Read } from "../../ui/fresh";
import { PageHead, Panel } from "../../ui/panel";
import { State } from "../../ui/state";
import { Pager } from "../../ui/table";
import { When } from "../../ui/time";

/** Rows of a page, as the query asks for them. */
const ROWS = 50;

export function AuditPage() {
  const { partner } = useParams({ from: "/signed/p/$partner/audit" });
  const search = useSearch({ from: "/signed/p/$partner/audit" });
  const navigate = useNavigate({ from: "/p/$partner/audit" });
  const page = search.page ?? 1;
  const { actor, object, action, outcome } = search;
  const filter = { page, ...(actor ? { actor } : {}), ...(object ? { object } : {}), ...(action ? { action } : {}), ...(outcome ? { outcome } : {}) };
  const lines = useQuery({ ...read.audit(partner, filter), placeholderData: keepPreviousData });
  const total = lines.data?.meta.total ?? 0;
  return (
    <>
      <PageHead
        title="Audit"
        sub={
          <>
            {lines.data ? count(total) : "…"} lines. Verify them elsewhere: <code className="font-mono text-xs">headend audit export</code>, then{" "}
            <code className="font-mono text-xs">headend audit verify</code>.
          </>
        }
      >
        <Fresh of={lines} />
      </PageHead>
      <Panel>
        <form
          key={JSON.stringify([actor, object, action, outcome])}
          className="flex flex-wrap gap-3 border-b border-line p-3"
          onSubmit={(event) => {
            event.preventDefault();
            const data = new FormData(event.currentTarget);
            const value = (name: string) => String(data.get(name) ?? "").trim() || undefined;
            void navigate({ search: { actor: value("actor"), action: value("action"), object: value("object"), outcome: value("outcome") } });
          }}
        >
          <input name="actor" type="search" aria-label="Who: name or id" placeholder="who" defaultValue={actor} className="field sm:!w-56" />
          <input name="action" type="search" aria-label="What, for example session.disconnect" placeholder="what, e.g. session.disconnect" defaultValue={action} className="field sm:!w-56" />
          <input name="object" type="search" aria-label="On what: kind, id or name" placeholder="on what" defaultValue={object} className="field sm:!w-56" />
          <select name="outcome" aria-label="Outcome" defaultValue={outcome ?? ""} className="field !w-auto" onChange={(event) => event.target.form?.requestSubmit()}>
            <option value="">any outcome</option>
            <option value="ok">ok</option>
            <option value="refused">refused</option>
            <option value="failed">failed</option>
          </select>
          <button type="submit" className="sr-only">
            Filter
          </button>
        </form>
        <Read query={lines} rows={10}>
          {({ data }) => (data.length === 0 ? <Empty title="No line is like that." /> : <ol>{data.map((line) => <Line key={line.id} of={line} />)}</ol>)}
        </Read>
        <Pager page={page} total={total} rows={ROWS} turn={(to) => void navigate({ search: (was) => ({ ...was, page: to }) })} />
      </Panel>
    </>
  );
}

function Line({ of }: { of: read.Audit }) {
  const changed = changes(of.before, of.after);
  return (
    <li className="border-b border-line last:border-0">
      <details className="group">
        <summary className="grid list-none grid-cols-[9.5rem_minmax(0,1fr)_minmax(0,1fr)_minmax(0,1.2fr)_6rem] items-center gap-3 px-4 py-2 text-sm hover:bg-raised/60 max-md:grid-cols-2">
          <span className="text-dim">
            <When at={of.at} />
          </span>
          <span className="truncate">{of.actor.name}</span>
          <span className="truncate font-medium">{of.action}</span>
          <span className="truncate text-dim">
            {of.object.kind} {of.object.label ?? of.object.id}
          </span>
          <span>
            <State tone={of.outcome === "ok" ? "good" : of.outcome === "refused" ? "warn" : "bad"}>{of.outcome}</State>
          </span>
        </summary>
        <div className="space-y-1 px-4 pb-4 text-xs">
          {of.reason && <p>Reason: {of.reason}</p>}
          {changed.map((change) => (
            <p key={change.field}>
              <span className="text-dim">{change.field}:</span> {change.from} → {change.to}
            </p>
          ))}
          <p className="num text-dim">
            {of.source_ip && `from ${of.source_ip} · `}
            {of.request_id && `request ${of.request_id}`}
          </p>
        </div>
      </details>
    </li>
  );
}
