// Runs before the first paint, so that a chosen theme does not flash. No module: those wait.
(() => {
  try {
    const chosen = localStorage.getItem('corescope-theme');
    if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden; the system's theme it is.
  }
})();
