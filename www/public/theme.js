// Sets the theme that was chosen on an earlier visit. A classic script, because modules run after the first paint.
try {
  const theme = localStorage.getItem('sanderling.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden: then the system's theme it is.
}
