// A dialog by the browser's own element: it keeps the focus, closes by Escape, and needs no style of its own at run time,
// which the policy would not allow.
import { type ReactNode, useEffect, useRef } from "react";

export function Dialog({
  title,
  onClose,
  children,
  wide = false,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
}) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    if (dialog && !dialog.open) {
      dialog.showModal();
      // The browser would begin at the closing cross; who opens a dialog came to type.
      dialog.querySelector<HTMLElement>("[data-body] :is(input, select, textarea, button)")?.focus();
    }
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === element.current) onClose();
      }}
      className={`m-auto max-h-[88dvh] w-[calc(100%-2rem)] overflow-auto rounded-xl border border-line bg-panel p-0 text-text shadow-[var(--shadow)] ${wide ? "max-w-3xl" : "max-w-md"}`}
    >
      <div className="flex items-center justify-between border-b border-line px-5 py-3">
        <h2 className="font-semibold">{title}</h2>
        <button type="button" aria-label="Close" onClick={onClose} className="rounded-md px-2 py-0.5 text-dim hover:bg-raised">
          ✕
        </button>
      </div>
      <div data-body className="p-5">{children}</div>
    </dialog>
  );
}
