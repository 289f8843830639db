// The direction of a text by its first letter that has one, as dir="auto" finds it.
const kScripts = ['Hebrew', 'Arabic', 'Syriac', 'Thaana', 'Nko', 'Samaritan', 'Mandaic', 'Adlam'];
const kRightToLeft = new RegExp(`[${kScripts.map((script) => `\\p{Script=${script}}`).join('')}]`, 'u');

// 'rtl', 'ltr', or null where no letter says.
export function directionOf(text) {
  const letter = text.match(/\p{L}/u)?.[0];
  return letter ? (kRightToLeft.test(letter) ? 'rtl' : 'ltr') : null;
}
