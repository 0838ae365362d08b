/** Short messages at the edge. */

import { Icon } from "./icons";
import { useUi } from "../state/ui";

export function Toasts() {
  const toasts = useUi((state) => state.toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map((toast) => (
        <div key={toast.id} className={`toast ${toast.kind}`}>
          <span>{toast.text}</span>
          {toast.action ? <button type="button" onClick={toast.action.run}>{toast.action.label}</button> : null}
          <button type="button" aria-label="Dismiss" onClick={() => useUi.getState().dismiss(toast.id)}>
            <Icon name="close" size={14} />
          </button>
        </div>
      ))}
    </div>
  );
}
