/** Two pictures over each other, and a line between them that one moves. */

import { useState, type CSSProperties } from "react";
import { viewUrl } from "../api/client";
import { useGallery, type Picture } from "../state/gallery";
import { Icon } from "../ui/icons";
import { Modal } from "./dialog";
import "./Compare.css";

export function Compare() {
  const { comparing, chosen } = useGallery();
  const [first, second] = chosen;
  if (!comparing || !first || !second) return null;
  return <Sheet first={first} second={second} />;
}

function Sheet({ first, second }: { first: Picture; second: Picture }) {
  const [at, setAt] = useState(50);
  const [swapped, setSwapped] = useState(false);
  const close = () => useGallery.getState().compare(false);
  const [left, right] = swapped ? [second, first] : [first, second];
  return (
    <Modal label="Compare two pictures" className="compare" close={close}>
      <div className="viewer-bar">
        <strong>{left.file.filename}</strong>
        <span className="fill" />
        <button type="button" onClick={() => setSwapped(!swapped)}>Swap</button>
        <span className="fill" />
        <strong>{right.file.filename}</strong>
        <button type="button" className="icon-button" aria-label="Close" onClick={close}><Icon name="close" /></button>
      </div>
      <div className="compare-stage" style={{ "--at": `${at}%` } as CSSProperties}>
        <div className="compare-pair">
          <img src={viewUrl(right.file)} alt={`Right: ${right.file.filename}`} draggable={false} />
          <img className="upper" src={viewUrl(left.file)} alt={`Left: ${left.file.filename}`} draggable={false} />
          <i className="line" aria-hidden />
          <input type="range" min={0} max={100} step={1} value={at} data-first aria-label="Where the left picture ends" onChange={(event) => setAt(Number(event.target.value))} />
        </div>
      </div>
    </Modal>
  );
}
