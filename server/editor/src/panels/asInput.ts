/** A result as the start of what comes next: copied to the input folder, and into a node that takes a picture. */

import { useReactFlow } from "@xyflow/react";
import { useCallback } from "react";
import { defaultValues, defOf } from "../api/nodeDefs";
import { freshId, putNode, setValue } from "../graph/ops";
import { activeGraph, activeTab, useEditor } from "../state/editor";
import type { Picture } from "../state/gallery";
import { useServer } from "../state/server";
import { useUi } from "../state/ui";
import { copyToInput } from "./Viewer";

const LOADER = "LoadImage";

export function useAsInput(): (picture: Picture) => Promise<void> {
  const flow = useReactFlow();
  return useCallback(
    async (picture) => {
      const { toast } = useUi.getState();
      let name: string;
      try {
        name = await copyToInput(picture);
      } catch {
        toast("The picture could not be copied to the input folder.", "error");
        return;
      }
      const taker = selectedTaker();
      if (taker) {
        useEditor.getState().editGraph("Use as input", (graph) => setValue(graph, taker.node, taker.input, name));
        toast(`${name} is the picture of the selected node now.`);
        return;
      }
      const box = document.querySelector(".canvas")?.getBoundingClientRect();
      const at = flow.screenToFlowPosition({ x: (box?.left ?? 0) + 80, y: (box?.top ?? 0) + 80 });
      toast(`${name} is in the input folder.`, "info", { label: "Add a node that loads it", run: () => addLoader(name, [at.x, at.y]) });
    },
    [flow],
  );
}

/** The selected node, when it is one that takes a picture. */
function selectedTaker(): { node: string; input: string } | undefined {
  const state = useEditor.getState();
  const { selection, workflow } = activeTab(state);
  for (const id of selection) {
    const node = activeGraph(state).nodes[id];
    const input = node && defOf(node, useServer.getState().defs, workflow)?.inputs.find(({ widget }) => widget?.kind === "combo" && widget.upload);
    if (input) return { node: id, input: input.name };
  }
  return undefined;
}

function addLoader(name: string, pos: readonly [number, number]): void {
  const def = useServer.getState().defs[LOADER];
  if (!def) return;
  useEditor.getState().editGraph("Add picture", (graph) =>
    putNode(graph, { id: freshId(graph), classType: LOADER, pos, values: { ...defaultValues(def), image: name } }),
  );
}
