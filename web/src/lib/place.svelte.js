// What the page shows, by its address, so that a link can be shared and the browser's back button leads back:
//
//   (nothing)  the conversation          #markets/NAME  one market
//   #research  research                  #runs/ID       one run of a strategy
//   #markets   markets, runs, accounts   #paper/NAME    one paper account
const kViews = ['research', 'markets', 'runs', 'paper'];

export const place = $state({ view: 'chat', item: '' });

export function readPlace() {
  const [view, ...rest] = location.hash.slice(1).split('/');
  let item = rest.join('/');
  try {
    item = decodeURIComponent(item);
  } catch {
    // what is no encoding is a name as it stands
  }
  if (!kViews.includes(view)) Object.assign(place, { view: 'chat', item: '' });
  else if (view === 'research') Object.assign(place, { view, item: '' });
  else if (!item || /^\.+$/.test(item)) Object.assign(place, { view: 'markets', item: '' }); // dots are no name
  else Object.assign(place, { view, item });
}

export const hashOf = (view, item = '') => `#${view}${item ? `/${encodeURIComponent(item)}` : ''}`;

// Goes to a view as a link does; nothing where it is shown already.
export function goTo(view, item = '') {
  if (place.view === view && place.item === item) return;
  history.pushState(null, '', view === 'chat' ? location.pathname + location.search : hashOf(view, item));
  readPlace();
}
