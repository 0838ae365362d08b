/** What saving has to ask: a name, and what to do when somebody else saved meanwhile. */

import { useState, type FormEvent } from "react";
import { fileName } from "../io/export";
import { useEditor } from "../state/editor";
import { saveAs, settle, useFiles } from "../state/files";
import { Modal } from "./dialog";
import "./Files.css";

export function FileDialogs() {
  const naming = useFiles((state) => state.naming);
  const conflict = useFiles((state) => state.conflict);
  return (
    <>
      {naming ? <Naming key={naming} tab={naming} /> : null}
      {conflict ? <Settling /> : null}
    </>
  );
}

function Naming({ tab }: { tab: string }) {
  const workflow = useEditor((state) => state.tabs.find((each) => each.id === tab)?.workflow);
  const [name, setName] = useState(workflow ? fileName(workflow) : "");
  const [taken, setTaken] = useState("");
  const close = () => useFiles.setState({ naming: undefined });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const wanted = name.trim();
    if (!wanted) return;
    const done = await saveAs(tab, wanted, taken === wanted);
    if (done === "done") close();
    else if (done === "exists") setTaken(wanted);
  };
  return (
    <Modal label="Save as" className="named-dialog" close={close}>
      <form onSubmit={(event) => void submit(event)}>
        <h2>Save as</h2>
        <label>
          Name
          <input autoFocus value={name} maxLength={119} onChange={(event) => setName(event.target.value)} onFocus={(event) => event.target.select()} />
        </label>
        {taken && taken === name.trim() ? <p role="alert">There is a workflow of this name already.</p> : null}
        <div className="choices">
          <button type="button" onClick={close}>Cancel</button>
          <button type="submit" className="primary" disabled={!name.trim()}>{taken && taken === name.trim() ? "Replace it" : "Save"}</button>
        </div>
      </form>
    </Modal>
  );
}

function Settling() {
  const conflict = useFiles((state) => state.conflict)!;
  return (
    <Modal label="Somebody else saved" className="named-dialog" close={() => useFiles.setState({ conflict: undefined })}>
      <h2>{conflict.file} was saved by somebody else</h2>
      <p>The version on the server is newer than the one you began with. Nothing was overwritten.</p>
      <p>Keep mine saves yours over it. Take theirs loads it here; yours stays one undo away. Open both leaves it as it is, with yours in a tab of its own.</p>
      <div className="choices">
        <button type="button" onClick={() => useFiles.setState({ conflict: undefined })}>Not now</button>
        <button type="button" onClick={() => void settle("mine")}>Keep mine</button>
        <button type="button" onClick={() => void settle("theirs")}>Take theirs</button>
        <button type="button" className="primary" autoFocus onClick={() => void settle("both")}>Open both</button>
      </div>
    </Modal>
  );
}
