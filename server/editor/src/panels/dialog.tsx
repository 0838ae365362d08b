/** A dialog that the browser keeps the focus in; Esc closes it. What is marked `data-first` has the focus at first. */

import { useEffect, useRef, type ReactNode, type KeyboardEvent } from "react";

export function Modal({ label, className, close, children, onKeyDown }: {
  label: string;
  className: string;
  close: () => void;
  children: ReactNode;
  onKeyDown?: (event: KeyboardEvent<HTMLDialogElement>) => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (!element) return;
    if (!element.open) element.showModal();
    element.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => element.close();
  }, []);
  const leave = useRef(close);
  useEffect(() => {
    leave.current = close;
    if (document.activeElement === document.body) dialog.current?.focus(); // what had the focus is gone
  });
  useEffect(() => {
    const onEscape = (event: globalThis.KeyboardEvent) => {
      const top = [...document.querySelectorAll("dialog[open]")].at(-1);
      if (event.key !== "Escape" || top !== dialog.current) return;
      event.preventDefault();
      event.stopPropagation();
      leave.current();
    };
    window.addEventListener("keydown", onEscape, { capture: true });
    return () => window.removeEventListener("keydown", onEscape, { capture: true });
  }, []);
  return (
    <dialog
      ref={dialog}
      className={`modal ${className}`}
      aria-label={label}
      tabIndex={-1}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        if (event.target === dialog.current) close();
      }}
    >
      {children}
    </dialog>
  );
}
