// A critical act wants a recent proof of who sits here: asks for it, and lets the act go on. Never keeps what was typed.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api, ask, onProofRequired } from "../api/client";
import * as read from "../api/queries";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Form, text } from "../ui/form";

export function ProofDialog() {
  const [open, setOpen] = useState(false);
  const settle = useRef<(proved: boolean) => void>(() => {});
  useEffect(() => {
    let running: Promise<boolean> | null = null;
    // Several acts at once are one question.
    onProofRequired(() => {
      running ??= new Promise<boolean>((resolve) => {
        settle.current = resolve;
        setOpen(true);
      }).finally(() => {
        running = null;
        setOpen(false);
      });
      return running;
    });
  }, []);
  if (!open) return null;
  return <Asking settle={(proved) => settle.current(proved)} />;
}

function Asking({ settle }: { settle: (proved: boolean) => void }) {
  const factor = useQuery(read.secondFactor);
  const coded = factor.data?.confirmed ?? false;
  return (
    <Dialog title="Is it still you?" onClose={() => settle(false)}>
      <p className="mb-4 text-sm text-dim">This act is critical, and your last proof was a while ago.</p>
      {factor.isSuccess && (
        <Form
          label="Prove it"
          send={(data) => {
            const body = coded ? { code: text(data, "proof") } : { password: String(data.get("proof") ?? "") };
            return ask(api.POST("/me/prove", { body }));
          }}
          done={() => settle(true)}
        >
          {() =>
            coded ? (
              <Field label="Code of your telephone, or a backup code" name="proof" autoComplete="one-time-code" inputMode="numeric" required autoFocus />
            ) : (
              <Field label="Your password" name="proof" type="password" autoComplete="current-password" required autoFocus />
            )
          }
        </Form>
      )}
    </Dialog>
  );
}
