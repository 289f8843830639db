// How charts look follows the page: its style gives the colours, and paper is always white.
const scheme = matchMedia('(prefers-color-scheme: dark)');
const paper = matchMedia('print');
const painters = new Set();
let printing = false;

export const isPrinting = () => printing;
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Calls `paint` whenever colours or the width for drawing have changed, until what it returns is called.
export function onLook(paint) {
  painters.add(paint);
  return () => painters.delete(paint);
}

// The page's own choice of colours has changed.
export function repaint() {
  for (const paint of painters) paint();
}

// Once for a page: watches the scheme and the printer. While it prints, the root has the class `printing`.
let kept = false;
export function keepLook() {
  if (kept) return;
  kept = true;
  const look = (prints) => {
    printing = prints;
    document.documentElement.classList.toggle('printing', prints);
    repaint();
  };
  scheme.addEventListener('change', () => look(printing));
  paper.addEventListener('change', () => look(paper.matches));
  addEventListener('beforeprint', () => look(true));
  addEventListener('afterprint', () => look(false));
}
