import { request } from '../lib/api.js';

const kRetryMs = 5000; // after an answer that is no stream; a lost connection the browser tries again by itself

// A paper account as it changes. `state`: 'connecting', 'live', 'lost' or 'refused'; `status` is the last one that came; `failure`
// says what is wrong with it, in words. A browser has six connections to a server, for all its tabs: an account that
// nobody sees holds none, and is asked for again when its tab is shown.
export class Account {
  status = $state.raw(null);
  state = $state('connecting');
  failure = $state('');
  #path;
  #source = null;
  #timer = 0;

  constructor(name) {
    this.#path = `/api/paper/${encodeURIComponent(name)}`;
    document.addEventListener('visibilitychange', this.#look);
    if (!document.hidden) this.#open();
  }
  #look = () => {
    this.#leave();
    if (document.hidden) return;
    if (this.state === 'live') this.state = 'connecting';
    this.#open();
  };
  #leave() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }
  #open() {
    this.#source = new EventSource(this.#path);
    this.#source.onopen = () => (this.state = 'live');
    this.#source.onmessage = ({ data }) => this.#take(data);
    this.#source.onerror = ({ target }) => {
      if (target.readyState === EventSource.CLOSED) this.#refused();
      else this.state = 'lost';
    };
  }
  #take(data) {
    const status = JSON.parse(data);
    this.state = 'live';
    this.failure = status.damage ?? '';
    if (!status.damage) this.status = status;
  }
  // The browser does not tell why a stream was refused: asking once more does.
  async #refused() {
    this.state = 'refused';
    const refused = this.#source;
    const stop = new AbortController();
    try {
      await request(this.#path, { signal: stop.signal });
      stop.abort();
    } catch (error) {
      this.failure = error.message;
    }
    if (this.#source === refused) this.#timer = setTimeout(() => this.#open(), kRetryMs);
  }
  close() {
    document.removeEventListener('visibilitychange', this.#look);
    this.#leave();
  }
}
