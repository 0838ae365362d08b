/** One question with one line to answer it. */

import { useState } from "react";
import { Modal } from "../panels/dialog";
import "./Dialogs.css";
import { useOverlay, type Question } from "./overlay";

export function Ask() {
  const question = useOverlay((state) => state.question);
  return question ? <Body key={question.title + question.value} question={question} /> : null;
}

function Body({ question }: { question: Question }) {
  const [text, setText] = useState(question.value);
  const why = text === question.value ? "" : (question.refuse?.(text.trim()) ?? "");
  return (
    <Modal label={question.title} className="ask" close={() => question.answer(undefined)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const refused = question.refuse?.(text.trim()) ?? "";
          if (!refused) question.answer(text.trim());
        }}
      >
        <h2>{question.title}</h2>
        <label>
          {question.label}
          <input autoFocus value={text} spellCheck={false} onFocus={(event) => event.target.select()} onChange={(event) => setText(event.target.value)} aria-invalid={why !== ""} />
        </label>
        {why ? <p className="refused" role="alert">{why}</p> : question.help ? <p className="dim">{question.help}</p> : null}
        <footer>
          <button type="button" onClick={() => question.answer(undefined)}>Cancel</button>
          <button type="submit" className="primary" disabled={why !== ""}>{question.button}</button>
        </footer>
      </form>
    </Modal>
  );
}
