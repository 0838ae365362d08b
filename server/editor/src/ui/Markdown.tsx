/** A text in the small Markdown of `markdown.ts`, shown. */

import { memo, useMemo } from "react";
import { readMarkdown, type Block, type Inline } from "./markdown";

export const Markdown = memo(function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => readMarkdown(text), [text]);
  return (
    <div className="markdown">
      {blocks.map((block, index) => (
        <Shown key={index} block={block} />
      ))}
    </div>
  );
});

function Shown({ block }: { block: Block }) {
  switch (block.kind) {
    case "heading": {
      const Tag = (["h4", "h5", "h6"] as const)[block.level - 1]!;
      return <Tag><Words inlines={block.inlines} /></Tag>;
    }
    case "paragraph":
      return <p><Words inlines={block.inlines} /></p>;
    case "list": {
      const items = block.items.map((item, index) => <li key={index}><Words inlines={item} /></li>);
      return block.ordered ? <ol>{items}</ol> : <ul>{items}</ul>;
    }
    case "code":
      return <pre>{block.text}</pre>;
    case "rule":
      return <hr />;
  }
}

function Words({ inlines }: { inlines: readonly Inline[] }) {
  return inlines.map((each, index) => {
    switch (each.kind) {
      case "bold":
        return <strong key={index}>{each.text}</strong>;
      case "italic":
        return <em key={index}>{each.text}</em>;
      case "code":
        return <code key={index}>{each.text}</code>;
      case "link":
        return <a key={index} className="nodrag" href={each.href} target="_blank" rel="noreferrer noopener">{each.text}</a>;
      default:
        return <span key={index}>{each.text}</span>;
    }
  });
}
