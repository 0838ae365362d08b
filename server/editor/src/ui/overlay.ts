/** What lies over the page: a menu at a place, a question. */

import { create } from "zustand";
import type { IconName } from "./icons";

export interface MenuItem {
  readonly label: string;
  readonly icon?: IconName;
  /** A key as `commands.ts` writes it. */
  readonly keys?: string | undefined;
  readonly disabled?: boolean;
  readonly checked?: boolean;
  readonly swatch?: string;
  readonly run?: () => void;
  /** A menu of its own. */
  readonly items?: readonly Entry[];
}

export type Entry = MenuItem | "-";

export interface Question {
  readonly title: string;
  readonly label: string;
  readonly value: string;
  readonly button: string;
  readonly help?: string;
  /** Why an answer will not do; empty when it will. */
  readonly refuse?: (answer: string) => string;
  readonly answer: (value: string | undefined) => void;
}

interface Overlay {
  /** The graph alone: panels are out of the way. */
  readonly focused?: boolean;
  readonly menu?: { readonly x: number; readonly y: number; readonly label: string; readonly entries: readonly Entry[] } | undefined;
  readonly question?: Question | undefined;
  /** A picture whose mask is painted, and who takes the new name. */
  readonly mask?: { readonly picture: string; readonly done: (name: string) => void } | undefined;
}

export const useOverlay = create<Overlay>()(() => ({}));

export function openMenu(at: { readonly x: number; readonly y: number }, label: string, entries: readonly Entry[]): void {
  useOverlay.setState({ menu: { x: at.x, y: at.y, label, entries } });
}

/** Ask for a word; undefined when nobody wanted to say. */
export function ask(question: Omit<Question, "answer">): Promise<string | undefined> {
  return new Promise((answer) => {
    useOverlay.setState({
      question: {
        ...question,
        answer: (value) => {
          useOverlay.setState({ question: undefined });
          answer(value);
        },
      },
    });
  });
}
