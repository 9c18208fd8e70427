// Light or dark as chosen here before; without a choice the system decides. A classic script, so that it runs before
// the first paint; storage that is forbidden throws.
try {
  const scheme = JSON.parse(localStorage.getItem("copresence.scheme") ?? "null");
  if (scheme === "light" || scheme === "dark") document.documentElement.dataset.scheme = scheme;
} catch {
  // The system's choice it is.
}
