// A labelled input with its hint and its mistake.
import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId } from "react";

type Around = { label: string; hint?: ReactNode; mistake?: string | undefined };

function Frame({ label, hint, mistake, id, children }: Around & { id: string; children: ReactNode }) {
  return (
    <div className="mb-4">
      <label htmlFor={id} className="mb-1 block text-[13px] font-medium">
        {label}
      </label>
      {children}
      {hint && !mistake && <p className="mt-1 text-xs text-faint">{hint}</p>}
      {mistake && (
        <p id={`${id}-mistake`} className="mt-1 text-xs text-bad">
          {mistake}
        </p>
      )}
    </div>
  );
}

export function Field({ label, hint, mistake, ...rest }: Around & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <Frame label={label} hint={hint} mistake={mistake} id={id}>
      <input id={id} className="field" aria-invalid={mistake ? true : undefined} aria-describedby={mistake ? `${id}-mistake` : undefined} {...rest} />
    </Frame>
  );
}

export function Choice({ label, hint, mistake, children, ...rest }: Around & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId();
  return (
    <Frame label={label} hint={hint} mistake={mistake} id={id}>
      <select id={id} className="field" {...rest}>
        {children}
      </select>
    </Frame>
  );
}
