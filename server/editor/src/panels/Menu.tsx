/** A button that opens a list of actions: arrows move, Enter does, Esc closes. */

import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { createPortal } from "react-dom";
import "./Menu.css";

export interface Action {
  readonly label: string;
  readonly run: () => void;
  readonly disabled?: boolean;
}

const WIDTH = 220;
const ROW = 30;

export function Menu({ label, className = "icon-button", children, actions }: {
  label: string;
  className?: string;
  children: ReactNode;
  actions: readonly Action[];
}) {
  const [at, setAt] = useState<{ left: number; top: number }>();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLUListElement>(null);

  useEffect(() => {
    if (at) list.current?.querySelector<HTMLElement>("button:not(:disabled)")?.focus();
  }, [at]);

  const open = () => {
    const box = button.current!.getBoundingClientRect();
    const height = actions.length * ROW + 12;
    setAt({
      left: Math.max(6, Math.min(box.left, window.innerWidth - WIDTH - 6)),
      top: box.bottom + height > window.innerHeight ? Math.max(6, box.top - height) : box.bottom + 2,
    });
  };
  const close = () => {
    setAt(undefined);
    button.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    const items = [...(list.current?.querySelectorAll<HTMLElement>("button:not(:disabled)") ?? [])];
    const index = items.indexOf(document.activeElement as HTMLElement);
    if (event.key === "Escape" || event.key === "Tab") close();
    else if (event.key === "ArrowDown") items[(index + 1) % items.length]?.focus();
    else if (event.key === "ArrowUp") items[(index - 1 + items.length) % items.length]?.focus();
    else return;
    event.preventDefault();
  };

  return (
    <>
      <button ref={button} type="button" className={className} aria-label={label} title={label} aria-haspopup="menu" aria-expanded={at !== undefined} onClick={open}>
        {children}
      </button>
      {at
        ? createPortal(
            <div className="menu-veil" onPointerDown={close} onContextMenu={(event) => event.preventDefault()}>
              <ul ref={list} role="menu" className="menu-list" aria-label={label} style={{ ...at, width: WIDTH }} onPointerDown={(event) => event.stopPropagation()} onKeyDown={onKeyDown}>
                {actions.map((action) => (
                  <li key={action.label} role="none">
                    <button
                      type="button"
                      role="menuitem"
                      disabled={action.disabled}
                      onClick={() => {
                        close();
                        action.run();
                      }}
                    >
                      {action.label}
                    </button>
                  </li>
                ))}
              </ul>
            </div>,
            document.body,
          )
        : null}
    </>
  );
}
