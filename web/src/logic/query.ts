// What somebody typed into the search, and what that can be. Pure.

/** What a text may mean. */
export type Meaning = { text: string; address: string | null };

const V4 = /^(\d{1,3})(\.\d{1,3}){3}(\/\d{1,2})?$/;
const V6 = /^[0-9a-f:]*:[0-9a-f:]*(\/\d{1,3})?$/i;

/** Reads a text; an address is recognised by its form, not by whether anybody has it. */
export function meaning(typed: string): Meaning {
  const text = typed.trim();
  const four = V4.test(text) && text.split("/")[0]!.split(".").every((part) => Number(part) <= 255);
  // Six groups of two are a MAC, not an IPv6 address.
  const six = V6.test(text) && text.includes(":") && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text) && text.split(":").length > 2;
  return { text, address: four || six ? text : null };
}
