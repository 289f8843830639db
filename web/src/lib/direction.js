// The direction of a text by its first letter that has one, as dir="auto" finds it.
const kRightToLeft = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Samaritan}\p{Script=Mandaic}\p{Script=Adlam}]/u;

// 'rtl', 'ltr', or null where no letter says.
export function directionOf(text) {
  const letter = text.match(/\p{L}/u)?.[0];
  return letter ? (kRightToLeft.test(letter) ? 'rtl' : 'ltr') : null;
}
