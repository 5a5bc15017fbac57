// The rows of the list of sessions: only those in view exist, and only their pages are read, again and again.
import { keepPreviousData, useQueries, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import * as read from "../../api/queries";
import { duration, octets } from "../../logic/words";
import { pagesInView } from "../../logic/window";
import { Empty, Fresh, Trouble, Waiting } from "../../ui/fresh";
import { When, useNow } from "../../ui/time";

/** Rows of a page that is read. */
const ROWS = 100;
/** How high a row is, in pixels. */
const ROW_PX = 38;
/** Rows that are drawn beyond what is in view. */
const BEYOND = 12;

const COLUMNS = "grid-cols-[2.2rem_minmax(9rem,1.4fr)_minmax(8rem,1fr)_minmax(9rem,1.2fr)_minmax(10.5rem,1fr)_7rem_6rem_6rem_6.5rem]";
const NAMES = ["", "User name", "Address", "NAS and port", "Device", "Online", "Down", "Up", "Reported"];

export function Grid({
  partner,
  filter,
  total,
  chosen,
  choose,
}: {
  partner: string;
  filter: read.SessionFilter;
  total: (rows: number) => void;
  chosen: ReadonlyMap<string, read.Session>;
  choose: ((session: read.Session) => void) | null;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const pace = filter.state === "open" ? read.LIVE_MS : read.CALM_MS;
  const head = useQuery({ ...read.sessions(partner, filter, 1, ROWS, pace), placeholderData: keepPreviousData });
  const rows = head.data?.meta.total ?? 0;
  useEffect(() => {
    if (head.data) total(rows);
  }, [head.data, rows, total]);
  const list = useVirtualizer({ count: rows, getScrollElement: () => scroller.current, estimateSize: () => ROW_PX, overscan: BEYOND });
  const items = list.getVirtualItems();
  const pages = pagesInView(items[0]?.index ?? 0, items.at(-1)?.index ?? 0, ROWS, rows);
  const read_ = useQueries({
    queries: pages.map((page) => ({ ...read.sessions(partner, filter, page, ROWS, pace), placeholderData: keepPreviousData })),
  });
  const row = (index: number): read.Session | undefined => {
    const at = pages.indexOf(Math.floor(index / ROWS) + 1);
    const page = read_[at];
    return page?.isPlaceholderData ? undefined : page?.data?.data[index % ROWS];
  };
  if (!head.data) return head.isError ? <Trouble error={head.error} retry={() => void head.refetch()} /> : <Waiting rows={10} />;
  if (rows === 0) {
    return <Empty title={filter.state === "open" ? "Nobody is online like that." : "Nothing is on record like that."}>Names are compared exactly.</Empty>;
  }
  return (
    <div className="overflow-x-auto">
      <div className="min-w-[68rem]" role="table" aria-label="Sessions" aria-rowcount={rows + 1}>
        <div role="rowgroup">
          <div role="row" className={`grid ${COLUMNS} gap-3 border-b border-line px-4 py-2 text-xs text-dim`}>
            {NAMES.map((name, index) => (
              <span key={name || index} role="columnheader" className={index > 4 ? "text-right" : ""}>
                {name || <span className="sr-only">Choose</span>}
              </span>
            ))}
          </div>
        </div>
        <div ref={scroller} role="rowgroup" tabIndex={0} aria-label="Rows" className="h-[calc(100dvh-18.5rem)] min-h-72 overflow-y-auto">
          <div className="relative" style={{ height: list.getTotalSize() }}>
            {items.map((item) => {
              const session = row(item.index);
              return (
                <div
                  key={item.key}
                  role="row"
                  aria-rowindex={item.index + 2}
                  className={`absolute inset-x-0 grid ${COLUMNS} items-center gap-3 border-b border-line px-4 text-[13px] hover:bg-raised/60 ${session && chosen.has(session.id) ? "bg-raised" : ""}`}
                  style={{ height: ROW_PX, transform: `translateY(${item.start}px)` }}
                >
                  {session ? (
                    <Cells partner={partner} of={session} chosen={chosen.has(session.id)} choose={choose} />
                  ) : (
                    <span role="cell" className="pulse col-span-full h-4" />
                  )}
                </div>
              );
            })}
          </div>
        </div>
        <div className="flex justify-end border-t border-line px-4 py-2">
          <Fresh of={head} />
        </div>
      </div>
    </div>
  );
}

function Cells({ partner, of, chosen, choose }: { partner: string; of: read.Session; chosen: boolean; choose: ((session: read.Session) => void) | null }) {
  const now = useNow();
  const open = of.stopped_at == null;
  const seconds = open ? (now - Date.parse(of.started_at)) / 1000 : of.session_time_s;
  return (
    <>
      <span role="cell">
        {choose && <input type="checkbox" aria-label={`Choose ${of.username ?? of.id}`} checked={chosen} onChange={() => choose(of)} className="size-4 accent-accent" />}
      </span>
      <span role="cell" className="truncate">
        {of.subscriber_id ? (
          <Link to="/p/$partner/subscribers/$id" params={{ partner, id: of.subscriber_id }} className="font-medium hover:underline">
            {of.username}
          </Link>
        ) : (
          (of.username ?? "–")
        )}
      </span>
      <span role="cell" className="num truncate">
        {of.framed_ip ?? of.framed_ipv6 ?? of.framed_ipv6_prefix ?? "–"}
      </span>
      <span role="cell" className="truncate text-dim">
        {of.nas ?? of.nas_id} {of.nas_port && `· ${of.nas_port}`}
      </span>
      <span role="cell" className="num truncate text-dim">
        {of.calling_station ?? "–"}
      </span>
      <span role="cell" className="num text-right">
        {duration(seconds)}
      </span>
      <span role="cell" className="num text-right">
        {octets(of.octets_out)}
      </span>
      <span role="cell" className="num text-right">
        {octets(of.octets_in)}
      </span>
      <span role="cell" className="num text-right text-faint">
        {open ? <When at={of.updated_at} as="ago" /> : (of.terminate_cause ?? "–")}
      </span>
    </>
  );
}
