/** Graph or form. */

import { setView, useView } from "../state/view";

export function ViewSwitch() {
  const view = useView();
  return (
    <div className="view-switch" role="group" aria-label="View">
      <button type="button" aria-pressed={view === "graph"} onClick={() => setView("graph")}>
        Graph
      </button>
      <button type="button" aria-pressed={view === "form"} onClick={() => setView("form")}>
        Form
      </button>
    </div>
  );
}
