// A plain table for tens to hundreds of rows; what may have a hundred thousand is in `sessions/grid`.
import type { ReactNode } from "react";

export type Column<T> = {
  title: string;
  cell: (row: T) => ReactNode;
  /** Numbers stand at the right. */
  right?: boolean;
  /** Left out where there is little room. */
  wide?: boolean;
};

export function Table<T>({ rows, columns, id, label }: { rows: T[]; columns: Column<T>[]; id: (row: T) => string; label: string }) {
  const cell = (column: Column<T>) => `${column.right ? "text-right num" : ""} ${column.wide ? "max-lg:hidden" : ""}`;
  return (
    <div className="relative overflow-x-auto" role="region" aria-label={label} tabIndex={0}>
      <table className="w-full text-sm">
        <thead>
          <tr className="border-b border-line text-xs text-dim">
            {columns.map((column) => (
              <th key={column.title} scope="col" className={`px-4 py-2 whitespace-nowrap ${cell(column)}`}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)} className="border-b border-line last:border-0 hover:bg-raised/50">
              {columns.map((column) => (
                <td key={column.title} className={`px-4 py-2 align-top ${cell(column)}`}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Steps through the pages of a list. */
export function Pager({ page, total, rows, turn }: { page: number; total: number; rows: number; turn: (page: number) => void }) {
  const last = Math.max(1, Math.ceil(total / rows));
  if (last === 1) return null;
  const button = "rounded-md border border-line px-2.5 py-1 hover:bg-raised disabled:opacity-40";
  return (
    <nav aria-label="Pages" className="no-print flex items-center justify-end gap-3 border-t border-line px-4 py-2 text-sm text-dim">
      <span className="num">
        page {page} of {last}
      </span>
      <button type="button" className={button} disabled={page <= 1} onClick={() => turn(page - 1)}>
        Back
      </button>
      <button type="button" className={button} disabled={page >= last} onClick={() => turn(page + 1)}>
        Next
      </button>
    </nav>
  );
}
