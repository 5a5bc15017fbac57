// What the keyboard can do.
import type { Place } from "../logic/permission";
import { Dialog } from "../ui/dialog";

export function Shortcuts({ all, close }: { all: Place[]; close: () => void }) {
  const keys: [string, string][] = [
    ["Ctrl K or /", "find anyone by anything"],
    ...all.filter((place) => place.key).map((place): [string, string] => [`g ${place.key}`, place.label]),
    ["?", "this list"],
    ["Esc", "close what is open"],
  ];
  return (
    <Dialog title="Keyboard" onClose={close}>
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2 text-sm">
        {keys.map(([key, what]) => (
          <div key={key} className="contents">
            <dt>
              <kbd className="rounded border border-line bg-raised px-1.5 py-0.5 text-xs">{key}</kbd>
            </dt>
            <dd className="text-dim">{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
