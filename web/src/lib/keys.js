// True for a key that belongs to an input method: the Enter that ends a composition chooses a word, it sends nothing.
// Safari ends the composition before that key comes and marks it with the code 229 only.
export function endsComposition(event) {
  return event.isComposing || event.keyCode === 229;
}

const touch = matchMedia('(pointer: coarse)');

// On a phone's keyboard Enter is the only way to a new line, and a button sends.
export const entersLines = () => touch.matches;

// True for the keys that send a message.
export function sends(event) {
  if (event.key !== 'Enter' || event.shiftKey) return false;
  return event.ctrlKey || event.metaKey || !entersLines();
}
