/** Seconds as people read them. */

/** What was measured: 83 ms, 2.4 s, 1:05 min. */
export function shownSeconds(value: number): string {
  if (value < 0.1) return `${Math.round(value * 1000)} ms`;
  if (value < 59.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)}:${pad(whole % 60)} min`;
  return `${Math.floor(whole / 3600)}:${pad(Math.floor((whole % 3600) / 60))} h`;
}

/** What is still to come, as a clock: 0:04. */
export function shownLeft(value: number): string {
  const whole = Math.ceil(value);
  if (whole < 3600) return `${Math.floor(whole / 60)}:${pad(whole % 60)}`;
  return `${Math.floor(whole / 3600)}:${pad(Math.floor((whole % 3600) / 60))} h`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
