// Calls that never overlap: who asks while one runs waits for another one after it, one for all who asked.
export function singleFlight(work) {
  let running = null;
  let asked = false;
  async function run() {
    try {
      while (asked) {
        asked = false;
        await work();
      }
    } finally {
      running = null;
    }
  }
  return () => {
    asked = true;
    running ??= run();
    return running;
  };
}
