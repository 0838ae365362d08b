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
  sweep: <path d="M3 3h4v4H3zM9 3h4v4H9zM3 9h4v4H3zM9 9h4v4H9z" />,
  target: <path d="M8 3v3M8 10v3M3 8h3M10 8h3M8 8v.01" />,
  add: <path d="M8 3v10M3 8h10" />,
  files: <path d="M2 4h4.5l1.5 2h6v7H2z" />,
  templates: <path d="M2.5 2.5h4.5v4.5H2.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5H2.5zM9 9h4.5v4.5H9z" />,
  save: <path d="M3 3h8l2 2v8H3zM5.5 3v3.5h4V3M5 13V9.5h6V13" />,
  star: <path d="M8 2.3l1.7 3.6 4 .5-2.9 2.7.7 3.9L8 11.1 4.5 13l.7-3.9L2.3 6.4l4-.5z" />,
  starred: <path d="M8 2.3l1.7 3.6 4 .5-2.9 2.7.7 3.9L8 11.1 4.5 13l.7-3.9L2.3 6.4l4-.5z" fill="currentColor" />,
  more: <path d="M3.5 8v.01M8 8v.01M12.5 8v.01" strokeWidth="2.2" />,
  swap: <path d="M3 5.5h9M9.5 3L12 5.5 9.5 8M13 10.5H4M6.5 8L4 10.5 6.5 13" />,
  undo: <path d="M3 6.5h6.5a3.5 3.5 0 010 7H6M6 3.5l-3 3 3 3" />,
  redo: <path d="M13 6.5H6.5a3.5 3.5 0 000 7H10M10 3.5l3 3-3 3" />,
  plus: <path d="M8 3.5v9M3.5 8h9" />,
  minus: <path d="M3.5 8h9" />,
  fit: <path d="M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3" />,
  map: <path d="M2.5 4l3.5-1.5 4 1.5 3.5-1.5V12L10 13.5 6 12l-3.5 1.5zM6 2.5V12M10 4v9.5" />,
  tidy: <path d="M2.5 3h4v4h-4zM9.5 3h4v4h-4zM9.5 10h4v3h-4zM6.5 5h3M8 5v6.5h1.5" />,
  dice: <path d="M3 3h10v10H3zM5.8 5.8v.01M10.2 5.8v.01M8 8v.01M5.8 10.2v.01M10.2 10.2v.01" />,
  lock: <path d="M4 7.5h8v5.5H4zM5.5 7.5V5.2a2.5 2.5 0 015 0v2.3" />,
  link: <path d="M6.5 9.5l3-3M7 4.8l1.3-1.3a2.8 2.8 0 014 4L11 8.8M9 11.2l-1.3 1.3a2.8 2.8 0 01-4-4L5 7.2" />,
  cut: <path d="M3 3l8 8M11 5l-8 8M12.6 12.2v.01M12.6 3.8v.01" />,
  search: <path d="M7 11.5a4.5 4.5 0 100-9 4.5 4.5 0 000 9zM10.3 10.3L13.5 13.5" />,
  pin: <path d="M6 2.5h4l-.5 4 2 2.5h-7l2-2.5zM8 9v4.5" />,
  palette: <path d="M8 2.5a5.5 5.5 0 100 11c1.2 0 1.3-.9.9-1.6-.6-1 .1-1.9 1.1-1.9h1.5c1.2 0 2-.9 2-2.1C13.500 4.800 11 2.500 8 2.500zM5.200 7.500v.01M7 5.200v.01M10 5.400v.01" />,
  group: <path d="M2.500 4.500v-2h2M11.500 2.500h2v2M13.500 11.500v2h-2M4.500 13.500h-2v-2M5 5.500h3.500V9H5zM8.500 7.500H11v3.500H7.500V9" />,
  layers: <path d="M8 2.500L13.500 5.500 8 8.500 2.500 5.500zM2.500 8.200L8 11l5.500-2.800M2.500 10.800L8 13.500l5.500-2.700" />,
  mute: <path d="M8 13.500a5.500 5.500 0 100-11 5.500 5.500 0 000 11zM4.200 4.200l7.600 7.600" />,
  bypass: <path d="M2.500 10.500c3 0 2.500-5 5.500-5s2.500 5 5.500 5M11.500 8.500l2 2-2 2" />,
  rename: <path d="M3 13l.7-2.800L10.500 3.500l2 2-6.800 6.800zM9 5l2 2" />,
  note: <path d="M3 3h10v6.500L9.500 13H3zM9.500 13V9.500H13M5.500 6h5M5.500 8.500h2" />,
  help: <path d="M8 13.500a5.500 5.500 0 100-11 5.500 5.500 0 000 11zM6.300 6.500a1.700 1.700 0 112.500 1.500c-.6.300-.8.600-.8 1.200M8 11.200v.01" />,
  brush: <path d="M13 3L7.500 8.500M6 9.200c1.300 0 2 .8 2 1.900 0 1.500-1.300 2.400-4.800 2.400.9-.7.800-1.500 1-2.500.200-1.100.800-1.800 1.800-1.800z" />,
  entry: <path d="M2.500 8h7M7 5.500L9.500 8 7 10.500M9 3h4v10H9" />,
  exit: <path d="M6.500 8h7M11 5.500L13.500 8 11 10.500M7 3H3v10h4" />,
  refuse: <path d="M8 13.500a5.500 5.500 0 100-11 5.500 5.500 0 000 11zM5.500 8h5" />,
  left_edge: <path d="M2.500 2v12M4.500 4h8v3h-8zM4.500 9h5v3h-5z" />,
  right_edge: <path d="M13.500 2v12M3.500 4h8v3h-8zM6.500 9h5v3h-5z" />,
  top_edge: <path d="M2 2.500h12M4 4.500h3v8H4zM9 4.500h3v5H9z" />,
  bottom_edge: <path d="M2 13.500h12M4 3.500h3v8H4zM9 6.500h3v5H9z" />,
  centre: <path d="M8 2v12M3.500 4h9v3h-9zM5 9h6v3H5z" />,
  middle: <path d="M2 8h12M4 3.500h3v9H4zM9 5h3v6H9z" />,
  across: <path d="M2.500 2v12M13.500 2v12M6 5h4v6H6z" />,
  along: <path d="M2 2.500h12M2 13.500h12M5 6h6v4H5z" />,
  sidebar: <path d="M2.500 3h11v10h-11zM10 3v10" />,
  warn: <path d="M8 2.500l6 11H2zM8 6.500v3.500M8 11.800v.01" />,
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
