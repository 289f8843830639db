import { mount } from 'svelte';
import './app.css';
import App from './App.svelte';
import { settleAddress, takeBrought } from './lib/address.svelte.js';

if (await settleAddress()) {
  await takeBrought();
  mount(App, { target: document.getElementById('app') });
}
