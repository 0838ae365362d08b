/** The widget of an input, by its kind. */

import { createContext, memo, useContext } from "react";
import type { InputDef } from "../api/nodeDefs";
import type { GraphNode } from "../graph/model";
import type { Json } from "../json";
import { ColorWidget } from "./ColorWidget";
import { ComboWidget } from "./ComboWidget";
import { NumberWidget } from "./NumberWidget";
import { TextWidget } from "./TextWidget";
import { ToggleWidget } from "./ToggleWidget";

export interface WidgetProps {
  readonly node: GraphNode;
  readonly input: InputDef;
  readonly value: Json | undefined;
  /** With the same `merge` key, changes within a moment are one step of undo. */
  change(value: Json, merge?: string): void;
}

export const WidgetField = memo(function WidgetField(props: WidgetProps) {
  switch (props.input.widget?.kind) {
    case "int":
    case "float":
      return <NumberWidget {...props} widget={props.input.widget} />;
    case "text":
      return <TextWidget {...props} widget={props.input.widget} />;
    case "boolean":
      return <ToggleWidget {...props} widget={props.input.widget} />;
    case "combo":
      return <ComboWidget {...props} widget={props.input.widget} />;
    case "color":
      return <ColorWidget {...props} />;
    default:
      return <span className="linked-name">{props.input.name}</span>;
  }
});

/** Where fields are shown, when it is not on the canvas: their names differ, so that each label finds its own. */
const Place = createContext("field");

export const FieldPlace = Place.Provider;

/** The name of an input's field on the canvas. */
export function fieldId({ node, input }: Pick<WidgetProps, "node" | "input">): string {
  return `field-${node.id}-${input.name}`;
}

export function useFieldId({ node, input }: Pick<WidgetProps, "node" | "input">): string {
  return `${useContext(Place)}-${node.id}-${input.name}`;
}
