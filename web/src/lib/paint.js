import DOMPurify from 'dompurify';
import { typeset } from './typeset.js';

// Puts blocks of HTML on the screen and changes no node that is the same as before: what is selected stays selected,
// and what was scrolled inside a block stays where it is.
const kForbidden = {
  FORBID_TAGS: ['style', 'form', 'input'],
  FORBID_ATTR: ['style', 'id', 'name'],
  RETURN_DOM_FRAGMENT: true,
};

DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName === 'A') {
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer');
  }
});

const painted = new WeakMap(); // of a place -> the HTML of its blocks

export function paint(place, blocks) {
  const before = painted.get(place) ?? [];
  blocks.forEach((html, i) => {
    if (html === before[i]) return;
    const old = place.children[i];
    if (old) change(old, elementOf(html));
    else place.append(elementOf(html), '\n');
  });
  while (place.children.length > blocks.length) place.lastChild.remove();
  painted.set(place, blocks);
}

// The one element of a block.
function elementOf(html) {
  const fragment = DOMPurify.sanitize(html.trim(), kForbidden);
  for (const place of fragment.querySelectorAll('.formula[data-tex]')) {
    const done = typeset({ tex: place.dataset.tex, display: place.classList.contains('display') });
    place.removeAttribute('data-tex');
    if (done === null) place.classList.add('unread');
    else place.innerHTML = done;
  }
  if (fragment.childNodes.length === 1 && fragment.firstElementChild) return fragment.firstElementChild;
  const box = document.createElement('div');
  box.append(fragment);
  return box;
}

// Makes `old` equal to `fresh`.
function change(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE && fresh.nodeType === Node.TEXT_NODE) return changeText(old, fresh.data);
  if (old.nodeName !== fresh.nodeName || old.nodeType !== Node.ELEMENT_NODE) return old.replaceWith(fresh);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const wanted = [...fresh.childNodes];
  wanted.forEach((node, i) => {
    const here = old.childNodes[i];
    if (here) change(here, node);
    else old.append(node);
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

// Only the part that differs, so that a selection in the rest holds.
function changeText(node, text) {
  const old = node.data;
  if (old === text) return;
  const most = Math.min(old.length, text.length);
  let front = 0;
  while (front < most && old[front] === text[front]) ++front;
  let back = 0;
  while (back < most - front && old[old.length - 1 - back] === text[text.length - 1 - back]) ++back;
  node.replaceData(front, old.length - front - back, text.slice(front, text.length - back));
}
