/** All keys and gestures. */

import { COMMANDS } from "../app/commands";
import { MAC, shownKey } from "../app/shownKey";
import { Modal } from "../panels/dialog";
import { useUi } from "../state/ui";
import { Icon } from "./icons";
import "./Dialogs.css";

const MOD = MAC ? "⌘" : "Ctrl";

const GESTURES: readonly (readonly [string, string])[] = [
  ["Add a node", "Double click the canvas"],
  ["Add a node that fits", "Drag a link into empty space"],
  ["Link to the first input that fits", "Drag a link onto a node"],
  ["Take a link off", "Drag it away from its input"],
  ["Put a node into a link", "Drop it on the link, or use the link's plus"],
  ["Bend a link", "Double click it"],
  ["Select several", "Shift and drag, or Shift and click"],
  ["Duplicate", "Alt and drag"],
  ["Change a number", "Drag its name sideways; Shift for larger steps"],
  ["Weigh words of a prompt", `${MOD}+Up, ${MOD}+Down`],
  ["Open a workflow", "Drop a file or a picture, or paste its text"],
];

const BY_KEYS: readonly (readonly [string, string])[] = [
  ["Next and previous node", "Tab, Shift+Tab"],
  ["Into a node, out of it", "Enter, Esc"],
  ["To the sockets of a node", "C"],
  ["Begin a link on a socket", "Enter"],
  ["Go through what fits", "Tab or arrows"],
  ["Connect, or let go", "Enter, Esc"],
  ["Cut the link of an input", "Delete on the socket"],
];

export function Help() {
  const open = useUi((state) => state.dialog === "help");
  if (!open) return null;
  const close = () => useUi.getState().set({ dialog: "" });
  const commands = COMMANDS.filter((each) => each.keys && !each.id.startsWith("nudge")).map(
    (each) => [each.title.replace("…", ""), each.keys!.slice(0, 2).map(shownKey).join(", ")] as const,
  );
  return (
    <Modal label="Keys and help" className="help-dialog" close={close}>
      <header>
        <h2>Keys and gestures</h2>
        <button type="button" className="icon" autoFocus aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div className="help-columns">
        <Table title="Keys" rows={[...commands, ["Move the selection", "Arrows"]]} />
        <div>
          <Table title="Pointer" rows={GESTURES} />
          <Table title="The graph by keys alone" rows={BY_KEYS} />
        </div>
      </div>
    </Modal>
  );
}

function Table({ title, rows }: { title: string; rows: readonly (readonly [string, string])[] }) {
  return (
    <section className="keys">
      <h3>{title}</h3>
      <dl>
        {rows.map(([what, keys]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>{keys}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
