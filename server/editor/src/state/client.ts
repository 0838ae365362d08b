/** This page's name towards the server; it outlives a reload, so that a run is caught up with. */
export const CLIENT_ID: string = (() => {
  const known = sessionStorage.getItem("safelight.client");
  if (known) return known;
  const made = crypto.randomUUID().replaceAll("-", "");
  sessionStorage.setItem("safelight.client", made);
  return made;
})();
