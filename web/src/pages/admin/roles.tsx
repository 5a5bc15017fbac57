// Who may do what: every permission against every role, as the server enforces it.
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { Fragment } from "react";
import * as read from "../../api/queries";
import { Read } from "../../ui/fresh";
import { PageHead, Panel } from "../../ui/panel";

export function Roles() {
  const { partner } = useParams({ from: "/signed/p/$partner/roles" });
  const roles = useQuery(read.roles(partner));
  return (
    <>
      <PageHead title="Roles" sub="Columns are roles, rows what they may do. A partner's own roles stand beside those that are built in." />
      <Panel>
        <Read query={roles} rows={10}>
          {(all) => <Matrix all={all} />}
        </Read>
      </Panel>
    </>
  );
}

function Matrix({ all }: { all: read.Role[] }) {
  const permissions = [...new Set(all.flatMap((role) => role.permissions))].sort();
  const area = (permission: string) => permission.split(":")[0] ?? "";
  return (
    <div className="relative overflow-auto" role="region" aria-label="Permissions by role" tabIndex={0}>
      <table className="w-full text-sm">
        <thead>
          <tr className="border-b border-line">
            <th scope="col" className="sticky left-0 bg-panel px-4 py-2 text-xs text-dim">
              Permission
            </th>
            {all.map((role) => (
              <th key={role.slug} scope="col" title={role.description} className="px-2 py-2 text-center align-bottom text-xs whitespace-nowrap">
                {role.name}
                {!role.built_in && <span className="block text-[10px] text-accent">own</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {permissions.map((permission, index) => (
            <Fragment key={permission}>
              {area(permissions[index - 1] ?? "") !== area(permission) && (
                <tr>
                  <th scope="colgroup" colSpan={all.length + 1} className="sticky left-0 px-4 pt-4 pb-1 text-[11px] font-semibold tracking-wide text-faint uppercase">
                    {area(permission)}
                  </th>
                </tr>
              )}
              <tr className="border-b border-line hover:bg-raised/60">
                <th scope="row" className="sticky left-0 bg-panel px-4 py-1.5 font-mono text-xs font-normal whitespace-nowrap">
                  {permission}
                </th>
                {all.map((role) => (
                  <td key={role.slug} className="px-2 py-1.5 text-center">
                    {role.permissions.includes(permission) ? (
                      <span className="text-good">
                        ✓<span className="sr-only">yes</span>
                      </span>
                    ) : (
                      <span className="text-faint">
                        ·<span className="sr-only">no</span>
                      </span>
                    )}
                  </td>
                ))}
              </tr>
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}
