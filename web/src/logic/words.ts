// Numbers and instants as people read them: units always, digits that do not jump. Pure; knows no component.

/** What stands where nothing is known. */
export const NOTHING = "–";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/** Octets with a unit: powers of 1000, as the command line shows them. */
export function octets(count: number | null | undefined): string {
  if (count == null) return NOTHING;
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value.toString() : value.toFixed(1)} ${UNITS[unit]}`;
}

/** A rate in bits a second. */
export function rate(bps: number | null | undefined): string {
  if (bps == null) return NOTHING;
  for (const [size, unit] of [[1e9, "Gbit/s"], [1e6, "Mbit/s"], [1e3, "kbit/s"]] as const) {
    if (bps >= size) return `${Number((bps / size).toFixed(2))} ${unit}`;
  }
  return `${bps} bit/s`;
}

/** A whole number with thin spaces between the thousands. */
export function count(number: number | null | undefined): string {
  if (number == null) return NOTHING;
  return number.toString().replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** One of something, or many. */
export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** A span of seconds: its two largest parts. */
export function duration(seconds: number | null | undefined): string {
  if (seconds == null) return NOTHING;
  const whole = Math.max(0, Math.floor(seconds));
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first === -1) return "0 s";
  const shown = parts.slice(first, first + 2).filter(([value], at) => at === 0 || value > 0);
  return shown.map(([value, unit]) => `${value} ${unit}`).join(" ");
}

/** Microseconds, in the unit that fits. */
export function micros(us: number): string {
  if (us < 1000) return `${us} µs`;
  return us < 1_000_000 ? `${(us / 1000).toFixed(1)} ms` : `${(us / 1_000_000).toFixed(1)} s`;
}

/** How long ago an instant was; one that lies ahead says so. */
export function ago(at: string, now: number): string {
  const seconds = (now - Date.parse(at)) / 1000;
  if (Math.abs(seconds) < 1) return "now";
  return seconds < 0 ? `in ${duration(-seconds)}` : `${duration(seconds)} ago`;
}

const two = (value: number) => value.toString().padStart(2, "0");

/** An instant in the zone of whoever looks: the time today, else the date, too. */
export function local(at: string, now: number): string {
  const then = new Date(at);
  const time = `${two(then.getHours())}:${two(then.getMinutes())}:${two(then.getSeconds())}`;
  const day = `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())}`;
  const today = new Date(now);
  const same = day === `${today.getFullYear()}-${two(today.getMonth() + 1)}-${two(today.getDate())}`;
  return same ? time : `${day} ${time.slice(0, 5)}`;
}

/** The same instant in UTC, to the second: what a log says. */
export function utc(at: string): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
