// What somebody may see and do with one partner. The server decides; this only keeps the console from offering what it
// would refuse.
import type { Me } from "../api/queries";

/** A partner as somebody sees it. */
export type Membership = Me["partners"][number];

/** The partner in the address, by slug; none when it is nothing to him. */
export function membership(me: Me, partner: string): Membership | null {
  return me.partners.find((known) => known.slug === partner) ?? null;
}

/** Whether somebody may do something within a partner. */
export function may(me: Me, partner: string, permission: string): boolean {
  return membership(me, partner)?.permissions.includes(permission) ?? false;
}

/** A place of the console. */
export type Place = { to: string; label: string; group: string; needs: string; platform?: boolean; key?: string };

/** All places within a partner, in the order they stand. */
export const PLACES: Place[] = [
  { to: "overview", label: "Overview", group: "", needs: "radius:sessions:read", key: "o" },
  { to: "subscribers", label: "Subscribers", group: "", needs: "radius:subscribers:read", key: "s" },
  { to: "sessions", label: "Live sessions", group: "", needs: "radius:sessions:read", key: "l" },
  { to: "held", label: "Who had an address", group: "", needs: "radius:sessions:read", key: "h" },
  { to: "nas", label: "NAS", group: "Network", needs: "radius:sessions:read", key: "n" },
  { to: "unknown", label: "Unknown sources", group: "Network", needs: "radius:nas:manage", platform: true, key: "u" },
  { to: "pools", label: "Address pools", group: "Network", needs: "radius:subscribers:read", key: "p" },
  { to: "plans", label: "Plans", group: "Network", needs: "radius:subscribers:read" },
  { to: "users", label: "People", group: "Administration", needs: "users:read" },
  { to: "roles", label: "Roles", group: "Administration", needs: "roles:read" },
  { to: "keys", label: "API keys", group: "Administration", needs: "api-keys:manage" },
  { to: "audit", label: "Audit", group: "Administration", needs: "audit:read", key: "a" },
];

/** The places somebody may enter. */
export function places(me: Me, partner: string): Place[] {
  return PLACES.filter((place) =>
    place.platform ? me.platform_permissions.includes(place.needs) : may(me, partner, place.needs),
  );
}
