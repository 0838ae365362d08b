/** Workflows to begin with: those that come along, and those of packs. Opening one opens a copy. */

import { useEffect, useMemo, useRef, useState } from "react";
import { call, url } from "../api/client";
import type { Workflow } from "../graph/model";
import { readAnyForm } from "../io/forms";
import { tellStrangers } from "../io/open";
import { drawGraph } from "../io/thumbnail";
import { isObject } from "../json";
import { useEditor } from "../state/editor";
import { readSaved, said, useFiles } from "../state/files";
import { useUi } from "../state/ui";
import "./Templates.css";

const OURS = "safelight";

interface Template {
  readonly pack: string;
  readonly name: string;
  readonly title: string;
  readonly text: string;
  /** It can be read as it is saved, and need not be converted. */
  readonly shipped: boolean;
}

export function Templates() {
  const [names, setNames] = useState<Readonly<Record<string, readonly string[]>>>({});
  const [failure, setFailure] = useState("");
  const entries = useFiles((state) => state.entries);
  useEffect(() => {
    void useFiles.getState().load();
    call("GET", "workflow_templates").then(
      (answer) => setNames(isObject(answer) ? (answer as unknown as Record<string, string[]>) : {}),
      (error: unknown) => setFailure(said(error)),
    );
  }, []);
  const packs = useMemo(
    () =>
      Object.entries(names).map(([pack, list]) => ({
        pack,
        templates: list.map((name): Template => {
          const entry = pack === OURS ? entries.find((each) => each.name === name && each.shipped) : undefined;
          return { pack, name, title: entry?.title || spaced(name), text: entry?.description ?? "", shipped: entry !== undefined };
        }),
      })),
    [names, entries],
  );
  return (
    <div className="left-body">
      {failure ? <p className="hint" role="alert">{failure}</p> : null}
      {packs.map(({ pack, templates }) => (
        <section key={pack} aria-label={pack}>
          {pack === OURS ? null : <h3>{pack}</h3>}
          <ul className="cards">
            {templates.map((template) => (
              <li key={template.name}>
                <button type="button" className="card" onClick={() => void open(template)}>
                  <Picture template={template} />
                  <strong>{template.title}</strong>
                  {template.text ? <small>{template.text}</small> : null}
                </button>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

function spaced(name: string): string {
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const address = ({ pack, name }: Template, suffix: string) => `workflow_templates/${encodeURIComponent(pack)}/${encodeURIComponent(name + suffix)}`;

async function read(template: Template): Promise<Workflow> {
  if (template.shipped) return (await readSaved(template.name)).workflow;
  const workflow = await readAnyForm(await call("GET", address(template, ".json")), template.name);
  return workflow.title === template.name ? { ...workflow, title: template.title } : workflow;
}

async function open(template: Template): Promise<void> {
  try {
    const workflow = await read(template);
    useEditor.getState().open({ ...workflow, id: crypto.randomUUID() });
    tellStrangers(workflow);
    if (window.matchMedia("(max-width: 799px)").matches) useUi.getState().set({ left: "" });
  } catch (error) {
    useUi.getState().toast(said(error), "error");
  }
}

/** The picture beside the template (packs have JPEGs by custom); where there is none, its graph is drawn. */
function Picture({ template }: { template: Template }) {
  const [missing, setMissing] = useState(false);
  if (missing) return <Drawing template={template} />;
  const source = url(address(template, template.pack === OURS ? ".webp" : ".jpg"));
  return <img src={source} alt="" loading="lazy" draggable={false} onError={() => setMissing(true)} />;
}

function Drawing({ template }: { template: Template }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let current = true;
    void read(template).then(
      (workflow) => {
        const theme = document.documentElement.dataset["theme"] === "light" ? "light" : "dark";
        if (current && canvas.current) drawGraph(canvas.current, workflow.graph, theme);
      },
      () => undefined, // it is opened with a message; here it just has no picture
    );
    return () => {
      current = false;
    };
  }, [template]);
  return <canvas ref={canvas} width={400} height={220} aria-hidden />;
}
