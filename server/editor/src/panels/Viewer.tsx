/** One picture, large: its size, what it was made with, and what can be done with it. */

import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { call, viewUrl } from "../api/client";
import { uploadImage } from "../api/upload";
import { factsOf, useGallery, type Facts, type Picture } from "../state/gallery";
import { openJob } from "../state/jobs";
import { useServer } from "../state/server";
import { Icon } from "../ui/icons";
import { Modal } from "./dialog";
import { useAsInput } from "./asInput";
import "./Viewer.css";

export function Viewer() {
  const picture = useGallery((state) => state.open);
  return picture ? <Stage picture={picture} /> : null;
}

const LARGEST = 16;

function Stage({ picture }: { picture: Picture }) {
  const pictures = useGallery((state) => state.pictures);
  const { look, more } = useGallery.getState();
  const at = pictures.findIndex((each) => each.key === picture.key);
  const [size, setSize] = useState<readonly [number, number]>();
  const [zoom, setZoom] = useState<number>();
  const stage = useRef<HTMLDivElement>(null);
  const fit = useFit(stage, size);
  const scale = zoom ?? fit;
  const close = () => look(undefined);
  const go = (step: number) => {
    const next = pictures[at + step];
    if (at >= 0 && next) look(next);
    if (at + step > pictures.length - 8) void more();
  };
  const zoomTo = (next: number) => setZoom(Math.min(Math.max(next, 0.05), LARGEST));
  useEffect(() => {
    setZoom(undefined);
    setSize(undefined);
  }, [picture.key]);

  const onKeyDown = (event: KeyboardEvent) => {
    const actions: Record<string, () => void> = {
      ArrowLeft: () => go(-1),
      ArrowRight: () => go(1),
      "+": () => zoomTo(scale * 1.25),
      "=": () => zoomTo(scale * 1.25),
      "-": () => zoomTo(scale / 1.25),
      0: () => setZoom(undefined),
      1: () => setZoom(1),
    };
    const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };

  return (
    <Modal label={`Picture ${picture.file.filename}`} className="viewer" close={close} onKeyDown={onKeyDown}>
      <div className="viewer-main">
        <div className="viewer-bar">
          <strong>{picture.file.filename}</strong>
          <span className="fill" />
          <button type="button" aria-pressed={zoom === undefined} onClick={() => setZoom(undefined)}>Fit</button>
          <button type="button" aria-pressed={zoom === 1} onClick={() => setZoom(1)}>100 %</button>
          <button type="button" aria-label="Smaller" onClick={() => zoomTo(scale / 1.25)}>−</button>
          <span className="zoom" aria-live="polite">{Math.round(scale * 100)} %</span>
          <button type="button" aria-label="Larger" onClick={() => zoomTo(scale * 1.25)}>+</button>
          <button type="button" className="icon-button" aria-label="Close" onClick={close}><Icon name="close" /></button>
        </div>
        <Pannable stage={stage} onWheel={(up) => zoomTo(scale * (up ? 1.15 : 1 / 1.15))}>
          <img
            src={viewUrl(picture.file)}
            alt={`Result ${picture.file.filename}`}
            draggable={false}
            style={size ? { width: size[0] * scale, height: size[1] * scale, imageRendering: scale >= 3 ? "pixelated" : "auto" } : { visibility: "hidden" }}
            onLoad={({ currentTarget }) => setSize([currentTarget.naturalWidth, currentTarget.naturalHeight])}
          />
        </Pannable>
        <button type="button" className="step before" aria-label="Newer picture" disabled={at <= 0} onClick={() => go(-1)}><Icon name="left" size={22} /></button>
        <button type="button" className="step after" aria-label="Older picture" disabled={at < 0 || at >= pictures.length - 1} onClick={() => go(1)}><Icon name="right" size={22} /></button>
      </div>
      <Side key={picture.key} picture={picture} size={size} />
    </Modal>
  );
}

/** The scale at which a picture fills its stage, small ones up to four times their size. */
function useFit(stage: React.RefObject<HTMLDivElement | null>, size: readonly [number, number] | undefined): number {
  const [box, setBox] = useState<readonly [number, number]>([1, 1]);
  useLayoutEffect(() => {
    const element = stage.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setBox([element.clientWidth, element.clientHeight]));
    observer.observe(element);
    return () => observer.disconnect();
  }, [stage]);
  return size ? Math.min(box[0] / size[0], box[1] / size[1], 4) : 1;
}

/** Drag to look elsewhere. */
function Pannable({ stage, onWheel, children }: { stage: React.RefObject<HTMLDivElement | null>; onWheel: (up: boolean) => void; children: React.ReactNode }) {
  const from = useRef<{ x: number; y: number; left: number; top: number }>(undefined);
  const wheel = useRef(onWheel);
  wheel.current = onWheel;
  useEffect(() => {
    const element = stage.current;
    const listen = (event: WheelEvent) => {
      event.preventDefault();
      wheel.current(event.deltaY < 0);
    };
    element?.addEventListener("wheel", listen, { passive: false });
    return () => element?.removeEventListener("wheel", listen);
  }, [stage]);
  return (
    <div
      className="stage"
      ref={stage}
      tabIndex={-1}
      data-first
      onPointerDown={(event: PointerEvent<HTMLDivElement>) => {
        const { scrollLeft: left, scrollTop: top } = event.currentTarget;
        from.current = { x: event.clientX, y: event.clientY, left, top };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={({ currentTarget, clientX, clientY }) => {
        const start = from.current;
        if (start) currentTarget.scrollTo(start.left + start.x - clientX, start.top + start.y - clientY);
      }}
      onPointerUp={() => {
        from.current = undefined;
      }}
    >
      {children}
    </div>
  );
}

function Side({ picture, size }: { picture: Picture; size: readonly [number, number] | undefined }) {
  const [facts, setFacts] = useState<Facts>();
  const [sure, setSure] = useState(false);
  const [said, setSaid] = useState("");
  const asInput = useAsInput();
  const { look, forget, choose } = useGallery.getState();
  const chosen = useGallery((state) => state.chosen.some((each) => each.key === picture.key));
  useEffect(() => {
    let gone = false;
    call("GET", `v1/jobs/${encodeURIComponent(picture.job)}/workflow`).then(
      (graph) => gone || setFacts(factsOf(graph, picture.node)),
      () => undefined,
    );
    return () => {
      gone = true;
    };
  }, [picture]);

  return (
    <aside className="viewer-side">
      <dl>
        {facts?.prompt ? <Fact name="Prompt" value={facts.prompt} long /> : null}
        {facts?.negative ? <Fact name="Negative prompt" value={facts.negative} long /> : null}
        {facts?.seed !== undefined ? <Fact name="Seed" value={String(facts.seed)} /> : null}
        {size ? <Fact name="Size" value={`${size[0]} × ${size[1]}`} /> : null}
        {facts?.others.map(([name, value]) => <Fact key={name} name={NAMES[name] ?? name} value={String(value)} />)}
        {picture.made ? <Fact name="Made" value={new Date(picture.made).toLocaleString()} /> : null}
      </dl>
      <div className="viewer-actions">
        <button type="button" className="with-icon" onClick={() => { look(undefined); void openJob(picture.job); }}>
          <Icon name="open" /> Open workflow
        </button>
        <button type="button" className="with-icon" onClick={() => { look(undefined); void asInput(picture); }}>
          <Icon name="input" /> Use as input
        </button>
        <a className="with-icon button-like" href={viewUrl(picture.file)} download={picture.file.filename}>
          <Icon name="download" /> Download
        </a>
        <button type="button" className="with-icon" onClick={() => void copyPicture(picture).then(setSaid)}>
          <Icon name="copy" /> Copy
        </button>
        <button type="button" className="with-icon" aria-pressed={chosen} onClick={() => choose(picture)}>
          <Icon name="compare" /> {chosen ? "Chosen to compare" : "Choose to compare"}
        </button>
        <button
          type="button"
          className="with-icon danger"
          title="The job is forgotten; its files stay in the output folder"
          onBlur={() => setSure(false)}
          onClick={() => (sure ? void forget(picture.job) : setSure(true))}
        >
          <Icon name="bin" /> {sure ? "Really delete from history?" : "Delete from history"}
        </button>
        <span className="said" role="status">{said}</span>
      </div>
    </aside>
  );
}

const NAMES: Readonly<Record<string, string>> = {
  steps: "Steps", cfg: "Guidance", sampler_name: "Sampler", scheduler: "Schedule", denoise: "Denoise",
  ckpt_name: "Checkpoint", unet_name: "Model", lora_name: "LoRA",
};

function Fact({ name, value, long = false }: { name: string; value: string; long?: boolean }) {
  return (
    <div data-long={long || undefined}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Gives what to say about it. */
async function copyPicture(picture: Picture): Promise<string> {
  try {
    const content = fetch(viewUrl(picture.file)).then((response) => response.blob()).then(asPng);
    await navigator.clipboard.write([new ClipboardItem({ "image/png": content })]);
    return "The picture is copied.";
  } catch {
    return "The browser does not let the page copy pictures; download it instead.";
  }
}

/** Clipboards take PNG alone. */
async function asPng(content: Blob): Promise<Blob> {
  if (content.type === "image/png") return content;
  const bitmap = await createImageBitmap(content);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

/** Copies a picture to the input folder; gives its name there. */
export async function copyToInput(picture: Picture): Promise<string> {
  const content = await (await fetch(viewUrl(picture.file))).blob();
  const name = await uploadImage(new File([content], picture.file.filename, { type: content.type }));
  await useServer.getState().loadDefs();
  return name;
}
