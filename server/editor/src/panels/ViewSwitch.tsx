/** Graph or form; where there is little room, the way to files too. */

import { useUi } from "../state/ui";
import { setView, useView } from "../state/view";
import { Icon } from "../ui/icons";

export function ViewSwitch() {
  const view = useView();
  return (
    <>
      <button type="button" className="icon-button only-narrow" aria-label="Workflows" onClick={() => useUi.getState().set({ left: useUi.getState().left ? "" : "files" })}>
        <Icon name="files" size={20} />
      </button>
      <div className="view-switch" role="group" aria-label="View">
        <button type="button" aria-pressed={view === "graph"} onClick={() => setView("graph")}>
          Graph
        </button>
        <button type="button" aria-pressed={view === "form"} onClick={() => setView("form")}>
          Form
        </button>
      </div>
    </>
  );
}
