/** Pictures of past jobs, the newest first, and those that are being made. */

import { useEffect, useMemo, useRef } from "react";
import { viewUrl } from "../api/client";
import { useTab } from "../state/editor";
import { keyOf, pictureOf, useGallery, type Picture } from "../state/gallery";
import { isOpen, useRuns, type Run } from "../state/runs";
import { useSweep } from "../state/sweep";
import { Icon } from "../ui/icons";
import "./Gallery.css";

export function Gallery() {
  const { pictures, state, chosen, workflow } = useGallery();
  const { more, filter, compare } = useGallery.getState();
  const here = useTab((tab) => tab.workflow.id);
  const runs = useRuns((each) => each.runs);
  const fresh = useMemo(() => freshOf(Object.values(runs), pictures), [runs, pictures]);
  const sweep = useSweep((each) => each.last);
  const end = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const element = end.current;
    if (!element || state === "end" || state === "failed") return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && void more(), { rootMargin: "300px" });
    observer.observe(element);
    return () => observer.disconnect();
  }, [more, state]);

  return (
    <>
      <div className="drawer-head">
        <label>
          Show
          <select value={workflow ? "one" : ""} onChange={(event) => filter(event.target.value ? here : "")}>
            <option value="">all workflows</option>
            <option value="one">this workflow</option>
          </select>
        </label>
        <span className="fill" />
        {sweep ? (
          <button type="button" onClick={() => useSweep.getState().set({ showing: true })}>Last sweep</button>
        ) : null}
        <span className="hint">{chosen.length === 1 ? "Choose a second picture to compare" : ""}</span>
        <button type="button" className="with-icon" disabled={chosen.length !== 2} onClick={() => compare(true)}>
          <Icon name="compare" size={14} /> Compare
        </button>
      </div>
      <div className="drawer-body gallery">
        {fresh.previews.map(({ job, url, title }) => (
          <div key={job} className="tile making">
            <img src={url} alt={`${title}, unfinished`} draggable={false} />
            <span className="caption">in the making</span>
          </div>
        ))}
        {[...fresh.pictures, ...pictures].map((picture) => (
          <Tile key={picture.key} picture={picture} chosen={chosen.some((each) => each.key === picture.key)} />
        ))}
        {state === "failed" ? (
          <p className="empty">
            The pictures cannot be listed just now. <button type="button" onClick={() => filter(workflow)}>Try again</button>
          </p>
        ) : null}
        {state === "end" && !pictures.length && !fresh.pictures.length && !fresh.previews.length ? (
          <p className="empty">No pictures yet. What runs make appears here.</p>
        ) : null}
        <div ref={end} className="gallery-end" aria-hidden />
      </div>
    </>
  );
}

function Tile({ picture, chosen }: { picture: Picture; chosen: boolean }) {
  const { look, choose } = useGallery.getState();
  const name = picture.file.filename;
  return (
    <div className="tile" data-chosen={chosen || undefined}>
      <button
        type="button"
        className="look"
        aria-label={`Look at ${name}`}
        title={picture.made ? `${name}\n${new Date(picture.made).toLocaleString()}` : name}
        onClick={(event) => (event.shiftKey ? choose(picture) : look(picture))}
      >
        <img
          src={viewUrl(picture.file, { preview: "webp;75" })}
          alt=""
          loading="lazy"
          decoding="async"
          draggable={false}
          onError={({ currentTarget }) => currentTarget.closest(".tile")?.setAttribute("data-gone", "")}
        />
        <span className="gone">The file is gone</span>
      </button>
      <button type="button" className="choose" role="checkbox" aria-checked={chosen} aria-label={`Choose ${name} to compare`} title="Choose to compare" onClick={() => choose(picture)}>
        {chosen ? <Icon name="check" size={14} /> : null}
      </button>
    </div>
  );
}

/** What runs of this page show before they end: pictures that are written, and previews. */
function freshOf(runs: readonly Run[], known: readonly Picture[]) {
  const keys = new Set(known.map((picture) => picture.key));
  const pictures: Picture[] = [];
  const previews: { job: string; url: string; title: string }[] = [];
  for (const run of [...runs].reverse()) {
    if (!isOpen(run)) continue;
    for (const [id, node] of Object.entries(run.nodes)) {
      if (node.preview && !id.includes(":")) previews.push({ job: run.job, url: node.preview, title: run.title });
      for (const file of node.images ?? [])
        if (!keys.has(keyOf(file))) {
          keys.add(keyOf(file));
          pictures.push(pictureOf(file, run.job, id));
        }
    }
  }
  return { pictures, previews };
}
