/** A choice from a list; long lists are filtered while typing, and pictures can be added. */

import { useEffect, useId, useMemo, useRef, useState, type ChangeEvent, type DragEvent, type KeyboardEvent } from "react";
import type { Widget } from "../api/nodeDefs";
import { viewUrl } from "../api/client";
import { uploadImage } from "../api/upload";
import type { Json } from "../json";
import { useServer } from "../state/server";
import { useUi } from "../state/ui";
import { Icon } from "../ui/icons";
import { useOverlay } from "../ui/overlay";
import { placeOfPicture } from "./mask";
import { useFieldId, type WidgetProps } from "./WidgetField";

export function ComboWidget({ node, input, value, change, widget }: WidgetProps & { widget: Extract<Widget, { kind: "combo" }> }) {
  const id = useFieldId({ node, input });
  const [query, setQuery] = useState<string>();
  const [marked, setMarked] = useState(0);
  const list = useId();
  const box = useRef<HTMLDivElement>(null);
  const open = query !== undefined;
  const text = String(value ?? "");
  const found = useMemo(() => {
    const wanted = (query ?? "").toLowerCase();
    return widget.options.filter((option) => String(option).toLowerCase().includes(wanted)).slice(0, 200);
  }, [widget.options, query]);
  useEffect(() => setMarked(0), [query]);
  useEffect(() => {
    box.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [marked, open]);

  const choose = (option: Json | undefined) => {
    if (option !== undefined) change(option);
    setQuery(undefined);
  };

  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) setQuery("");
      else setMarked((at) => (at + (event.key === "ArrowDown" ? 1 : found.length - 1)) % Math.max(1, found.length));
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      choose(found[marked]);
    } else if (event.key === "Escape" && open) {
      event.stopPropagation();
      setQuery(undefined);
    }
  };

  return (
    <div
      ref={box}
      className="widget combo nodrag"
      onDragOver={widget.upload ? (event) => event.preventDefault() : undefined}
      onDrop={widget.upload ? (event) => void dropped(event, change) : undefined}
      onPaste={
        widget.upload
          ? (event) => {
              const file = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
              if (file) {
                event.preventDefault();
                event.stopPropagation();
                void add(file, change);
              }
            }
          : undefined
      }
    >
      <label htmlFor={id} title={input.tooltip}>
        {input.name}
      </label>
      <input
        id={id}
        role="combobox"
        aria-expanded={open}
        aria-controls={list}
        aria-activedescendant={open && found[marked] !== undefined ? `${list}-${marked}` : undefined}
        autoComplete="off"
        spellCheck={false}
        data-draft={query ? "" : undefined}
        value={query ?? text}
        placeholder={text}
        title={text}
        onFocus={(event) => event.target.select()}
        onClick={() => setQuery(query ?? "")}
        onChange={(event) => setQuery(event.target.value)}
        onBlur={() => setQuery(undefined)}
        onKeyDown={onKeyDown}
      />
      {open ? (
        <ul id={list} role="listbox" className="options nowheel" aria-label={input.name}>
          {found.map((option, index) => (
            <li
              key={String(option)}
              id={`${list}-${index}`}
              role="option"
              aria-selected={index === marked}
              onPointerDown={(event) => {
                event.preventDefault();
                choose(option);
              }}
            >
              {String(option)}
            </li>
          ))}
          {found.length ? null : <li className="none">Nothing matches</li>}
        </ul>
      ) : null}
      {widget.upload ? <Upload value={text} change={change} /> : null}
    </div>
  );
}

function Upload({ value, change }: { value: string; change: (value: Json) => void }) {
  const picked = (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    if (file) void add(file, change);
    event.target.value = "";
  };
  const place = placeOfPicture(value);
  return (
    <div className="upload">
      {place ? (
        <img
          src={viewUrl(place, { preview: "webp;80" })}
          alt={value}
          draggable={false}
          loading="lazy"
        />
      ) : null}
      <div>
        <label className="button">
          Choose, drop or paste
          <input type="file" accept="image/*" aria-label="Choose a picture" onChange={picked} />
        </label>
        {place ? (
          <button type="button" className="mask-button" title="Paint which part is to change" onClick={() => useOverlay.setState({ mask: { picture: value, done: change } })}>
            <Icon name="brush" size={14} /> Mask
          </button>
        ) : null}
      </div>
    </div>
  );
}

async function dropped(event: DragEvent, change: (value: Json) => void): Promise<void> {
  const file = event.dataTransfer.files[0];
  if (!file?.type.startsWith("image/")) return;
  event.preventDefault();
  event.stopPropagation();
  await add(file, change);
}

async function add(file: File, change: (value: Json) => void): Promise<void> {
  try {
    const name = await uploadImage(file);
    await useServer.getState().loadDefs();
    change(name);
  } catch (error) {
    useUi.getState().toast(error instanceof Error ? error.message : String(error), "error");
  }
}
