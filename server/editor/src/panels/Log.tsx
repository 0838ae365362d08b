/** The server's lines, the newest at the end. */

import { useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useLog, type Line } from "../state/log";
import { useUi } from "../state/ui";
import "./Log.css";

const NEAR_END = 24;

export function Log() {
  const lines = useLog((state) => state.lines);
  const failed = useLog((state) => state.state === "failed");
  const [filter, setFilter] = useState("");
  const wanted = useDeferredValue(filter);
  const shown = useMemo(() => matching(lines, wanted), [lines, wanted]);
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);

  useEffect(() => {
    void useLog.getState().open();
    return () => useLog.getState().close();
  }, []);
  useLayoutEffect(() => {
    if (atEnd.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [shown]);

  return (
    <>
      <div className="drawer-head">
        <input type="search" aria-label="Filter lines" placeholder="Filter" value={filter} onChange={(event) => setFilter(event.target.value)} />
        <span>{wanted ? `${shown.length} of ${lines.length} lines` : `${lines.length} lines`}</span>
        <span className="fill" />
        <button type="button" disabled={!shown.length} onClick={() => void copy(shown)}>Copy</button>
      </div>
      <div
        className="drawer-body log"
        ref={list}
        tabIndex={0}
        role="log"
        aria-label="Lines of the server"
        aria-live="off"
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          atEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_END;
        }}
      >
        {failed ? <p className="empty">The server's lines cannot be read just now.</p> : null}
        {shown.map((line) => (
          <div key={line.id} className="line" data-level={levelOf(line.text)}>
            <time dateTime={line.time}>{clock(line.time)}</time>
            <span>{line.text}</span>
          </div>
        ))}
      </div>
    </>
  );
}

/** Lines that hold every word of a filter. */
export function matching(lines: readonly Line[], filter: string): readonly Line[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return lines;
  return lines.filter(({ text }) => words.every((word) => text.toLowerCase().includes(word)));
}

function levelOf(text: string): string | undefined {
  return /\b(ERROR|CRITICAL)\b/i.exec(text.slice(0, 80)) ? "error" : /\bWARN(ING)?\b/i.exec(text.slice(0, 80)) ? "warning" : undefined;
}

function clock(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleTimeString([], { hour12: false });
}

async function copy(lines: readonly Line[]): Promise<void> {
  try {
    await navigator.clipboard.writeText(lines.map(({ time, text }) => `${time} ${text}`).join("\n"));
    useUi.getState().toast(`${lines.length} lines are copied.`);
  } catch {
    useUi.getState().toast("The browser does not let the page copy.", "error");
  }
}
