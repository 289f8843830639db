import { request } from './api.js';

// What the server answers at `path()`, asked for again whenever that changes, and by again(). Made while a component is
// set up. `value` is null until it is there and where there is none; `failure` says why, in words.
export class Loaded {
  value = $state.raw(null);
  failure = $state('');
  #round = $state(0);

  constructor(path) {
    $effect(() => {
      this.#round;
      const stop = new AbortController();
      this.#load(path(), stop.signal);
      return () => stop.abort();
    });
  }
  async #load(path, signal) {
    this.failure = '';
    try {
      const value = await (await request(path, { signal })).json();
      if (!signal.aborted) this.value = value;
    } catch (error) {
      if (signal.aborted) return;
      this.value = null;
      this.failure = error.message;
    }
  }
  again() {
    this.#round++;
  }
}
