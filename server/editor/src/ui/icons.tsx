/** Icons as drawings, so that no font has to have them. */

import type { ReactNode } from "react";

const SHAPES = {
  up: <path d="M4 10l4-4 4 4" />,
  down: <path d="M4 6l4 4 4-4" />,
  left: <path d="M10 4L6 8l4 4" />,
  right: <path d="M6 4l4 4-4 4" />,
  close: <path d="M4 4l8 8M12 4l-8 8" />,
  play: <path d="M5 3.5v9l7-4.5z" fill="currentColor" />,
  pause: <path d="M5.5 4v8M10.5 4v8" />,
  stop: <rect x="4.5" y="4.5" width="7" height="7" rx="1" fill="currentColor" />,
  again: <path d="M13 8a5 5 0 11-1.6-3.7M13 2.5V5h-2.5" />,
  front: <path d="M4 3h8M8 13V6M5 9l3-3 3 3" />,
  open: <path d="M9 3h4v4M13 3L7.5 8.5M11 9v4H3V5h4" />,
  download: <path d="M8 3v7M5 7.5L8 10.5l3-3M3 13h10" />,
  copy: <path d="M6 6h7v7H6zM10 6V3H3v7h3" />,
  input: <path d="M8 12V5M5 8l3-3 3 3M3 13h10M3 3h10" />,
  bin: <path d="M3 4.5h10M6 4V3h4v1M4.5 4.5l.6 8.5h5.8l.6-8.5" />,
  compare: <path d="M8 2v12M3 4h10v8H3z" />,
  check: <path d="M3.5 8.5l3 3 6-7" />,
  grip: <path d="M6 4v.01M10 4v.01M6 8v.01M10 8v.01M6 12v.01M10 12v.01" strokeWidth="2" />,
  target: <path d="M8 3v3M8 10v3M3 8h3M10 8h3M8 8v.01" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof SHAPES;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden
      focusable="false"
    >
      {SHAPES[name]}
    </svg>
  );
}
