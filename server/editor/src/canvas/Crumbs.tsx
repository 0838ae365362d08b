/** The way into the sub-graph that is looked at, and out of it. */

import { useEditor, useTab } from "../state/editor";

const enter = (path: readonly string[]) => useEditor.getState().enter(path);

export function Crumbs() {
  const path = useTab((tab) => tab.path);
  const workflow = useTab((tab) => tab.workflow);
  if (!path.length) return null;
  return (
    <nav className="crumbs" aria-label="Sub-graphs">
      <button type="button" onClick={() => enter([])}>{workflow.title}</button>
      {path.map((id, index) => (
        <span key={id}>
          {" › "}
          <button type="button" aria-current={index === path.length - 1} onClick={() => enter(path.slice(0, index + 1))}>
            {workflow.subgraphs[id]?.title ?? id}
          </button>
        </span>
      ))}
    </nav>
  );
}
