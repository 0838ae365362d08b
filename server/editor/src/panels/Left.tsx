/** The left edge: a rail of panels to add nodes, open files and begin from templates; one is open, or none. */

import { useUi, type LeftPanel } from "../state/ui";
import { Icon, type IconName } from "../ui/icons";
import { Files } from "./Files";
import { Palette } from "./Palette";
import { Templates } from "./Templates";
import "./Left.css";

const PANELS: readonly { readonly id: Exclude<LeftPanel, "">; readonly title: string; readonly icon: IconName; readonly body: () => React.ReactNode }[] = [
  { id: "add", title: "Add", icon: "add", body: () => <Palette /> },
  { id: "files", title: "Files", icon: "files", body: () => <Files /> },
  { id: "templates", title: "Templates", icon: "templates", body: () => <Templates /> },
];

export function Left() {
  const open = useUi((state) => state.left);
  const panel = PANELS.find((each) => each.id === open);
  return (
    <div className="left-edge">
      <nav className="rail" aria-label="Panels">
        {PANELS.map(({ id, title, icon }) => (
          <button
            key={id}
            type="button"
            aria-expanded={id === open}
            aria-controls={id === open ? "left-panel" : undefined}
            onClick={() => useUi.getState().set({ left: id === open ? "" : id })}
          >
            <Icon name={icon} size={18} />
            <span>{title}</span>
          </button>
        ))}
      </nav>
      {panel ? (
        <section id="left-panel" className="left-panel" aria-label={panel.title}>
          <header className="left-head">
            <h2>{panel.title}</h2>
            <button type="button" className="icon-button" aria-label={`Close ${panel.title}`} onClick={() => useUi.getState().set({ left: "" })}>
              <Icon name="left" />
            </button>
          </header>
          {panel.body()}
        </section>
      ) : null}
    </div>
  );
}
