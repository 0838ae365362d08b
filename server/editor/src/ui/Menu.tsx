/** A menu at a place: arrows and letters choose, Enter does, Esc closes and gives the focus back. */

import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";
import { shownKey } from "../app/shownKey";
import { Icon } from "./icons";
import { useOverlay, type Entry, type MenuItem } from "./overlay";
import "./Menu.css";

export function ContextMenu() {
  const menu = useOverlay((state) => state.menu);
  return menu ? <MenuBox key={`${menu.label} ${menu.x} ${menu.y}`} {...menu} /> : null;
}

function MenuBox({ x, y, label, entries }: { x: number; y: number; label: string; entries: readonly Entry[] }) {
  const [way, setWay] = useState<readonly MenuItem[]>([]);
  const [place, setPlace] = useState({ left: x, top: y });
  const list = useRef<HTMLDivElement>(null);
  const before = useRef(document.activeElement);
  const shown = way.at(-1)?.items ?? entries;

  const close = () => {
    useOverlay.setState({ menu: undefined });
    if (before.current instanceof HTMLElement) before.current.focus({ preventScroll: true });
  };
  useLayoutEffect(() => {
    const box = list.current?.getBoundingClientRect();
    if (box) setPlace({ left: Math.max(6, Math.min(x, window.innerWidth - box.width - 6)), top: Math.max(6, Math.min(y, window.innerHeight - box.height - 6)) });
  }, [x, y, way]);
  useEffect(() => rows()[0]?.focus({ preventScroll: true }), [way]);
  useEffect(() => {
    const away = () => useOverlay.setState({ menu: undefined });
    window.addEventListener("resize", away);
    window.addEventListener("blur", away);
    return () => {
      window.removeEventListener("resize", away);
      window.removeEventListener("blur", away);
    };
  }, []);

  const rows = () => [...(list.current?.querySelectorAll<HTMLElement>("[role^=menuitem]:not([aria-disabled=true])") ?? [])];
  const go = (step: number) => {
    const all = rows();
    const at = all.indexOf(document.activeElement as HTMLElement);
    all[(at + step + all.length) % all.length]?.focus();
  };
  const choose = (item: MenuItem) => {
    if (item.disabled) return;
    if (item.items) {
      setWay([...way, item]);
      return;
    }
    close();
    item.run?.();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.key === "ArrowDown") go(1);
    else if (event.key === "ArrowUp") go(-1);
    else if (event.key === "Home") rows()[0]?.focus();
    else if (event.key === "End") rows().at(-1)?.focus();
    else if (event.key === "Tab") close();
    else if (event.key === "Escape" || event.key === "ArrowLeft") {
      if (way.length) setWay(way.slice(0, -1));
      else if (event.key === "Escape") close();
    } else if (event.key === "ArrowRight") {
      const item = shown.find((each): each is MenuItem => each !== "-" && each.label === document.activeElement?.getAttribute("data-label"));
      if (item?.items) choose(item);
    } else if (/^[\p{L}\d]$/u.test(event.key) && !event.ctrlKey && !event.metaKey) {
      const all = rows();
      const at = all.indexOf(document.activeElement as HTMLElement);
      const wanted = [...all.slice(at + 1), ...all.slice(0, at + 1)];
      wanted.find((each) => each.dataset["label"]?.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
    } else return;
    event.preventDefault();
  };
  return (
    <div
      className="context-veil"
      onPointerDown={close}
      onContextMenu={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <div ref={list} className="context-menu" role="menu" aria-label={way.at(-1)?.label ?? label} style={place} onKeyDown={onKeyDown} onPointerDown={(event) => event.stopPropagation()}>
        {way.length ? (
          <button type="button" role="menuitem" className="menu-back" data-label="Back" onClick={() => setWay(way.slice(0, -1))}>
            <Icon name="left" /> <span>{way.at(-1)!.label}</span>
          </button>
        ) : null}
        {shown.map((item, index) =>
          item === "-" ? (
            <hr key={index} />
          ) : (
            <button
              key={index}
              type="button"
              tabIndex={-1}
              role={item.checked === undefined ? "menuitem" : "menuitemcheckbox"}
              aria-checked={item.checked}
              aria-disabled={item.disabled || undefined}
              aria-haspopup={item.items ? "menu" : undefined}
              data-label={item.label}
              onPointerEnter={(event) => event.currentTarget.focus({ preventScroll: true })}
              onClick={() => choose(item)}
            >
              <i className="menu-icon" style={item.swatch ? { background: item.swatch } : undefined} data-swatch={item.swatch ? true : undefined}>
                {item.checked ? <Icon name="check" size={14} /> : item.icon ? <Icon name={item.icon} size={14} /> : null}
              </i>
              <span>{item.label}</span>
              {item.items ? <Icon name="right" size={12} /> : item.keys ? <kbd>{shownKey(item.keys)}</kbd> : null}
            </button>
          ),
        )}
      </div>
    </div>
  );
}
