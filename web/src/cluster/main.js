// The page of a cluster: who runs where, who waits for how long, which idea is promising, and why each thing was decided.
import { mount } from 'svelte';
import 'uplot/dist/uPlot.min.css';
import '../app.css';
import './cluster.css';
import { keepLook } from '../charts/look.js';
import Cluster from './Cluster.svelte';

keepLook();
mount(Cluster, { target: document.getElementById('app') });
