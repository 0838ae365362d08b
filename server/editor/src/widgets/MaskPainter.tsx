/** Painting which part of a picture is to change: saved as the picture with another alpha. */

import { useCallback, useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { viewUrl } from "../api/client";
import { uploadMask } from "../api/mask";
import { Modal } from "../panels/dialog";
import { useServer } from "../state/server";
import { useUi } from "../state/ui";
import { Icon } from "../ui/icons";
import { useOverlay } from "../ui/overlay";
import { apply, drawStroke, needed, placeOfPicture, type Step, type Stroke } from "./mask";
import "./MaskPainter.css";

export function MaskPainter() {
  const mask = useOverlay((state) => state.mask);
  return mask ? <Painter key={mask.picture} picture={mask.picture} done={mask.done} /> : null;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

const SMALLEST = 2;
const LARGEST = 400;

function Painter({ picture, done }: { picture: string; done: (name: string) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const ring = useRef<HTMLDivElement>(null);
  const before = useRef<HTMLCanvasElement>(undefined);
  const drawing = useRef<{ stroke: Stroke; points: [number, number][] }>(undefined);
  const [size, setSize] = useState<Size>();
  const [brush, setBrush] = useState(40);
  const [erase, setErase] = useState(false);
  const [steps, setSteps] = useState<readonly Step[]>([]);
  const [saving, setSaving] = useState(false);
  const [failure, setFailure] = useState("");
  const place = placeOfPicture(picture);
  const close = () => useOverlay.setState({ mask: undefined });

  useEffect(() => {
    if (!place) return;
    let gone = false;
    void loadMask(place).then(
      (loaded) => {
        if (gone) return;
        before.current = loaded;
        setSize({ width: loaded.width, height: loaded.height });
      },
      () => !gone && setFailure("The picture cannot be shown."),
    );
    return () => {
      gone = true;
    };
    // The picture is the same for as long as this is open.
  }, [picture]);

  const repaint = useCallback(() => {
    const pen = canvas.current?.getContext("2d");
    if (!pen || !before.current) return;
    pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
    pen.drawImage(before.current, 0, 0);
    for (const step of needed(steps)) apply(pen, step);
  }, [steps]);
  useEffect(repaint, [repaint, size]);

  const at = (event: PointerEvent): [number, number] => {
    const box = canvas.current!.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * size!.width, ((event.clientY - box.top) / box.height) * size!.height];
  };
  const showRing = (event: PointerEvent) => {
    const box = canvas.current?.getBoundingClientRect();
    if (!ring.current || !box || !size) return;
    const wide = (brush * box.width) / size.width;
    ring.current.style.cssText = `display: block; width: ${wide}px; height: ${wide}px; left: ${event.clientX - box.left - wide / 2}px; top: ${event.clientY - box.top - wide / 2}px;`;
  };
  const onPointerDown = (event: PointerEvent<HTMLCanvasElement>) => {
    if (!size || (event.button !== 0 && event.button !== 2)) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const points = [at(event)];
    drawing.current = { points, stroke: { erase: erase !== (event.button === 2), size: brush, points } };
    drawStroke(event.currentTarget.getContext("2d")!, drawing.current.stroke);
  };
  const onPointerMove = (event: PointerEvent<HTMLCanvasElement>) => {
    showRing(event);
    const now = drawing.current;
    if (!now || !size) return;
    const last = now.points.at(-1)!;
    const next = at(event);
    now.points.push(next);
    drawStroke(event.currentTarget.getContext("2d")!, { ...now.stroke, points: [last, next] });
  };
  const onPointerUp = () => {
    const now = drawing.current;
    drawing.current = undefined;
    if (now) setSteps((all) => [...all, { kind: "stroke", stroke: now.stroke }]);
  };
  const add = (kind: "invert" | "clear") => setSteps((all) => [...all, { kind }]);
  const undo = () => setSteps((all) => all.slice(0, -1));
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLInputElement && event.target.type !== "range") return;
    if ((event.ctrlKey || event.metaKey) && event.key === "z") undo();
    else if (event.key === "[") setBrush((wide) => Math.max(SMALLEST, Math.round(wide / 1.25)));
    else if (event.key === "]") setBrush((wide) => Math.min(LARGEST, Math.round(wide * 1.25) + 1));
    else if (event.key.toLowerCase() === "e") setErase((on) => !on);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const save = async () => {
    const mask = canvas.current;
    if (!mask || !place) return;
    setSaving(true);
    setFailure("");
    try {
      const name = await uploadMask(await withAlpha(mask), place);
      await useServer.getState().loadDefs();
      done(name);
      close();
      useUi.getState().toast("The mask is saved; the node uses it.");
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
    } finally {
      setSaving(false);
    }
  };

  return (
    <Modal label="Paint a mask" className="mask-dialog" close={close} onKeyDown={onKeyDown}>
      <header>
        <h2>Paint a mask</h2>
        <span className="dim">What is painted is changed; the rest is kept.</span>
        <button type="button" className="icon" aria-label="Close" onClick={close}><Icon name="close" /></button>
      </header>
      <div className="mask-stage">
        {place ? (
          <div className="mask-frame" style={size && { aspectRatio: `${size.width} / ${size.height}`, "--ratio": size.width / size.height } as React.CSSProperties}>
            <img src={viewUrl(place, { channel: "rgb" })} alt={picture} draggable={false} />
            {size ? (
              <canvas
                ref={canvas}
                width={size.width}
                height={size.height}
                aria-label="Mask"
                onPointerDown={onPointerDown}
                onPointerMove={onPointerMove}
                onPointerUp={onPointerUp}
                onPointerCancel={onPointerUp}
                onPointerLeave={() => ring.current && (ring.current.style.display = "none")}
                onContextMenu={(event) => event.preventDefault()}
                onWheel={(event) => setBrush((wide) => Math.min(LARGEST, Math.max(SMALLEST, Math.round(wide * (event.deltaY < 0 ? 1.15 : 0.87)))))}
              />
            ) : null}
            <div ref={ring} className="mask-ring" aria-hidden />
          </div>
        ) : null}
      </div>
      {failure ? <p className="refused" role="alert">{failure}</p> : null}
      <footer>
        <div className="segmented" role="group" aria-label="Tool">
          <button type="button" aria-pressed={!erase} onClick={() => setErase(false)}>Paint</button>
          <button type="button" aria-pressed={erase} title="Erase (E, or the right button)" onClick={() => setErase(true)}>Erase</button>
        </div>
        <label>
          Brush
          <input type="range" min={SMALLEST} max={LARGEST} value={brush} autoFocus onChange={(event) => setBrush(Number(event.target.value))} />
          <output>{brush}</output>
        </label>
        <button type="button" onClick={() => add("invert")}>Invert</button>
        <button type="button" onClick={() => add("clear")}>Clear</button>
        <button type="button" disabled={!steps.length} onClick={undo}>Undo</button>
        <span className="fill" />
        <button type="button" onClick={close}>Cancel</button>
        <button type="button" className="primary" disabled={!size || saving} onClick={() => void save()}>{saving ? "Saving…" : "Save"}</button>
      </footer>
    </Modal>
  );
}

/** The mask that a picture has already: white where its alpha is not. */
async function loadMask(place: { filename: string; subfolder: string; type: string }): Promise<HTMLCanvasElement> {
  const image = await decoded(viewUrl(place, { channel: "a" }));
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const pen = canvas.getContext("2d", { willReadFrequently: true })!;
  pen.drawImage(image, 0, 0);
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
  const { data } = pixels;
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3]!;
    [data[at], data[at + 1], data[at + 2]] = [255, 59, 48];
    data[at + 3] = 255 - alpha;
  }
  pen.putImageData(pixels, 0, 0);
  return canvas;
}

async function decoded(source: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}

/** The picture to send: its alpha is what is kept. */
async function withAlpha(mask: HTMLCanvasElement): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = mask.width;
  canvas.height = mask.height;
  const pen = canvas.getContext("2d")!;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.globalCompositeOperation = "destination-out";
  pen.drawImage(mask, 0, 0);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The mask cannot be written."))), "image/png"));
}
