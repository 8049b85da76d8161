// The live stream, with reconnection: what is shown while it is lost is marked as old.

import { byId, setText } from './elements.js';
import { duration } from './quantities.js';

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 5_000;
/** Without a view for this long, the shown state counts as old. */
const OLD_MS = 8_000;

/** Follows a target and calls `show` with each view, until `close` is called. */
export function connect(target, show) {
  let source;
  let retry;
  let pause = RETRY_FIRST_MS;
  let isLost = false;
  let shownAt;

  const open = () => {
    source = new EventSource(`/api/live?target=${encodeURIComponent(target)}`);
    source.onmessage = (message) => {
      pause = RETRY_FIRST_MS;
      isLost = false;
      shownAt = performance.now();
      mark();
      show(JSON.parse(message.data));
    };
    source.onerror = () => {
      // A browser gives up after an error status: reconnect ourselves.
      source.close();
      isLost = true;
      mark();
      retry = setTimeout(open, pause * (0.5 + Math.random() / 2));
      pause = Math.min(pause * 2, RETRY_MAX_MS);
    };
  };

  const mark = () => {
    const age = shownAt === undefined ? undefined : performance.now() - shownAt;
    const banner = byId('connection');
    banner.hidden = !isLost && !(age > OLD_MS);
    document.body.classList.toggle('old', !banner.hidden);
    if (banner.hidden) return;
    const problem = isLost ? 'Connection lost' : 'The member sends no news';
    setText(banner, age === undefined
      ? `${problem}: the member does not answer, trying again.`
      : `${problem}, showing the state of ${duration(age)} ago. Another member may answer.`);
  };

  const clock = setInterval(mark, 1000);
  open();
  return () => {
    source.close();
    clearTimeout(retry);
    clearInterval(clock);
  };
}
